"""What this domain makes live, and how each change of it is told: a declaration for each thing.

Found by realtime, which looks for a module of this name in every app.
"""

from blog.live import access, books, names, posts

__all__ = ["access", "books", "names", "posts"]
