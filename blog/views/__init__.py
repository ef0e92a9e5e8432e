"""The pages, by subject. Each renders states (blog/state.py), so that it shows what events carry."""
