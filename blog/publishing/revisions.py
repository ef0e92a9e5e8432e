"""The published versions of a post."""

from blog.models import Post, Revision, User


def record(post: Post, by: User) -> Revision | None:
    """Keeps what a public post says now; None where it is not public or says what it said before."""
    if not post.is_public:
        return None
    newest = post.revisions.first()
    if newest and (newest.title, newest.text) == (post.title, post.text):
        return None
    return post.revisions.create(title=post.title, text=post.text, by=by)
