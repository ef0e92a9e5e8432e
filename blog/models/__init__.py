"""The domain: writing, its authors, and how it belongs together."""

from blog.models.books import Author, Authorship, Book, Edition, Tag
from blog.models.people import User
from blog.models.posts import Like, Post, Revision, Tagging
from blog.models.publication import Publication
from blog.models.samples import ModelSample

__all__ = [
    "Author",
    "Authorship",
    "Book",
    "Edition",
    "Like",
    "ModelSample",
    "Post",
    "Publication",
    "Revision",
    "Tag",
    "Tagging",
    "User",
]
