# The measurements. `python3 manage.py live` and `test` start and test the project (README.md).

READERS = 10000
MINUTES = 10

# The Python that has the packages of the lock; made on the first run, as by manage.py.
define bench
@python3 -c 'import manage; manage.interpreter("bench")'
@exec "$$(python3 -c 'import manage; print(manage.interpreter("bench"))')" -m bench $(1)
endef

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1	\2/p' Makefile | expand -t 20

bench: ## All systems in turns, 22 minutes; writes docs/performance.md and the table in README.md
	$(call bench,full)

bench-quick: ## Ours against the Channels tutorial and a C loop, two minutes; fails when it has become slower
	$(call bench,quick)

bench-hold: ## READERS (10000) of one process for MINUTES (10) while Redis and PostgreSQL fail; writes the same page
	$(call bench,hold --readers $(READERS) --minutes $(MINUTES) --write)

bench-profile: ## Where an edge spends its time; writes the same page
	$(call bench,profile --write)

clean: ## Remove what the measurements built and installed
	rm -rf bench/out

.DEFAULT_GOAL = help
.PHONY: help bench bench-quick bench-hold bench-profile clean
