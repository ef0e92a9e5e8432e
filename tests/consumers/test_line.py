"""From a commit to a reader: the line at its shortest."""

from blog.models import Post, User
from tests.consumers.reader import Reader


def test_a_published_post_reaches_who_follows_it(cleo: Reader):
    cleo.subscribe("front")
    post = Post(title="Fog", text="It lifts.", author=User.objects.create_user("fay"))
    post.publish()
    event = cleo.hear()
    assert list(event) == ["type", "position", "topics", "left", "kind", "key", "time", "data"]
    assert (event["kind"], event["key"], event["data"]["title"]) == ("post.published", f"post.{post.pk}", "Fog")
