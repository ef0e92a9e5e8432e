"""The admin, by subject. It writes through the same models, so what it changes is announced like anything else."""

from blog.admin import books, people, posts, publication, samples

__all__ = ["books", "people", "posts", "publication", "samples"]
