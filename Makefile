# Measurements and pictures. What the project itself needs is in README.md: `python3 manage.py live` and `test`.

bench = $(call in_environment,-m bench $(1))
# The Python that has the packages of the lock; made on the first run, as by manage.py.
in_environment = @python3 -c 'import manage; manage.interpreter("bench")' && \
	exec "$$(python3 -c 'import manage; print(manage.interpreter("bench"))')" $(1)

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1	\2/p' Makefile | expand -t 20

bench-quick: ## Ours against the Channels tutorial and a C loop, two minutes; fails when it has become slower
	$(call bench,quick)

clean: ## Remove what the measurements built and installed
	rm -rf bench/out

.DEFAULT_GOAL = help
.PHONY: help bench-quick clean
