"""A deployment as a person with a browser has it: pages, forms, a session, a ticket."""

import html
import json
import re
from http.cookiejar import CookieJar
from secrets import token_hex
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPCookieProcessor, Request, build_opener

SOON = 30.0  # seconds for an answer


class Site:
    """One visitor's way to the deployment at `url`: cookies are kept, forms are sent with their token."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.jar = CookieJar()
        self._opener = build_opener(HTTPCookieProcessor(self.jar))

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    @property
    def secure(self) -> bool:
        return urlsplit(self.url).scheme == "https"

    @property
    def cookies(self) -> str:
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.jar)

    def get(self, path: str) -> str:
        return self._send(Request(self.url + path))[0]

    def post(self, path: str, **fields: str) -> str:
        """Sends a form; the path that it led to."""
        token = next((cookie.value for cookie in self.jar if cookie.name == "csrftoken"), None) or self._token()
        request = Request(self.url + path, urlencode({"csrfmiddlewaretoken": token, **fields}).encode())
        request.add_header("Referer", self.url + path)
        body, led = self._send(request)
        if problem := re.search(r'class="errorlist[^>]*>(.*?)</ul>', body, re.DOTALL):
            raise AssertionError(f"{path} refused the form: {html.unescape(problem[1])}")
        return urlsplit(led).path

    def sign_in(self, user: str, password: str) -> None:
        self.post("/sign-in/", username=user, password=password)
        if self.ticket() is None:
            raise AssertionError(f"Nobody is signed in: is {user!r} a user with that password?")

    def ticket(self) -> str | None:
        ticket: str | None = json.loads(self.get("/live/ticket"))["ticket"]
        return ticket

    def position(self, path: str = "/") -> str:
        """Where the log stood when the page was made, as the page says."""
        found = re.search(r'<meta name="live-position" content="([^"]+)"', self.get(path))
        assert found, f"{path} has no live-position"
        return found[1]

    def _token(self) -> str:
        page = self.get("/sign-in/")
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert found, "the sign-in form has no token"
        return found[1]

    def _send(self, request: Request) -> tuple[str, str]:
        try:
            with self._opener.open(request, timeout=SOON) as answer:
                return answer.read().decode(), answer.url
        except HTTPError as error:
            if error.code == 410:  # where withdrawing leads to
                return error.read().decode(), error.url
            raise AssertionError(f"{request.get_method()} {request.full_url}: {error.code}") from error


class Writer:
    """Somebody who may publish. What was published is withdrawn again at the end.

    The posts have tags that nobody else uses. They are made beforehand: a new tag is told of, too.
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        self.tag = f"conformance-{token_hex(4)}"
        self.other_tag = f"{self.tag}-b"
        self._public: list[int] = []

    def begin(self, user: str, password: str) -> None:
        self.site.sign_in(user, password)
        self.publish("Conformance", self.tag, self.other_tag)
        self.clear()

    def publish(self, title: str, *tags: str, text: str = "Told by the conformance suite.") -> int:
        """A new public post; its number."""
        led = self.site.post("/post/new/", title=title, text=text, tags_text=", ".join(tags), action="publish")
        number = int(re.fullmatch(r"/post/(\d+)/", led)[1])  # type: ignore[index]
        self._public.append(number)
        return number

    def edit(self, post: int, title: str, **fields: str) -> None:
        self.site.post(f"/post/{post}/edit/", title=title, text="Told again.", action="publish", **fields)

    def like(self, post: int) -> None:
        self.site.post(f"/post/{post}/like/")

    def withdraw(self, post: int, reason: str = "Only a test.") -> None:
        self.site.post(f"/post/{post}/withdraw/", reason=reason)
        self._public.remove(post)

    def clear(self) -> None:
        for post in list(self._public):
            self.withdraw(post)


def members(text: str) -> dict[str, Any]:
    return dict(json.loads(text))
