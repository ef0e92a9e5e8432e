"""Revisions: the published versions of a post."""

from blog.models import Post, Revision, User


def record(post: Post, by: User) -> Revision | None:
    """Stores a public post's title and text as a revision; None where it is not public or has not changed."""
    if not post.is_public:
        return None
    newest = post.revisions.first()
    if newest and (newest.title, newest.text) == (post.title, post.text):
        return None
    return post.revisions.create(title=post.title, text=post.text, by=by)
