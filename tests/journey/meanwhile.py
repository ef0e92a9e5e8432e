"""What happens at the paper while a reader is away."""

from playwright.sync_api import Locator, Page

from blog.models import Post, Tag, User
from tests import cast


def publish(author: User, title: str) -> Post:
    post = cast.a_post(author, title, published_date=None)
    post.publish()
    return post


def much_happens(author: User, when: str) -> None:
    """Something of everything: new, edited, withdrawn, liked."""
    edited, gone, liked = (publish(author, f"Written {when} {number}") for number in range(3))
    edited.title = f"Corrected {when}"
    edited.save()
    gone.withdraw("Wrong pier")
    liked.liked_by.add(author)


def fifty_things_happen(author: User, when: str) -> None:
    """50 changes that are told: posts, edits, tags, likes, withdrawals and their end, drafts."""
    sea = Tag.objects.get_or_create(name="Sea", slug="sea")[0]
    for number in range(5):
        post = publish(author, f"Written {when} {number}")
        post.tags.add(sea)
        post.liked_by.add(author)
        post.title = f"Corrected {when} {number}"
        post.save()
        post.withdraw("Wrong pier")
        if number % 2:
            post.publish()
        else:
            publish(author, f"Instead of it {when} {number}")
        for step in ("begun", "gone on with"):
            draft = cast.a_post(author, f"Draft {number} {step} {when}", state="draft", published_date=None)
        draft.text = "It rose."
        draft.save()
        draft.state = Post.State.SUBMITTED
        draft.save()


def heading(page: Page, title: str) -> Locator:
    return page.get_by_role("feed").get_by_role("heading", name=title, exact=True)
