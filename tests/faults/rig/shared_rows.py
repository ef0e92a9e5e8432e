"""The rows that all writers of a fault run change."""

from dataclasses import dataclass

from blog.models import Author, Post, Tag, User

AUTHORS, POSTS = 20, 5


@dataclass(frozen=True)
class SharedRows:
    """The rows that all writers change, by primary key, and the slugs of the tags."""

    authors: list[int]
    posts: list[int]
    users: list[int]
    tags: list[int]
    slugs: list[str]

    @classmethod
    def create(cls) -> "SharedRows":
        users = [User.objects.create_user(name) for name in ("ada", "ben", "cleo")]
        byline = Author.objects.create(name="Ada")
        tags = [Tag.objects.create(name=name) for name in ("tide", "moon")]
        authors = [Author.objects.create(name=f"shared {number}") for number in range(AUTHORS)]
        posts = [
            Post.objects.create(author=users[0], byline=byline, title=f"shared {n}", text="Tide.", state="published")
            for n in range(POSTS)
        ]
        pks = ([row.pk for row in rows] for rows in (authors, posts, users, tags))
        return cls(*pks, [tag.slug for tag in tags])

    def options(self) -> list[str]:
        """Returns the options of writers.py that name these rows."""
        lists = {"authors": self.authors, "posts": self.posts, "users": self.users, "tags": self.tags}
        return [word for name, pks in lists.items() for word in (f"--{name}", *map(str, pks))]
