"""The views, by subject. Each renders states (blog/state.py), so that a page shows what events carry."""
