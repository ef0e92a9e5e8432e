"""A guest book: a second domain, by which the tests see that realtime and consumers know nothing of blog."""
