"""The law of a live page: an old page and the events since are a fresh page."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page

SECONDS = 30

# What a fresh answer says of the same address, compared with the page that is open. Versions are the
# client's own bookkeeping: an entry is not newer for a like in it.
SAME = """async () => {
  const read = (root) => {
    const main = root.querySelector("main").cloneNode(true);
    const own = "[name=csrfmiddlewaretoken], live-status, press-gap, press-people, script";
    for (const each of main.querySelectorAll(own)) each.remove();
    for (const each of main.querySelectorAll("*")) {
      each.removeAttribute("data-live-version");
      if (each.classList.length === 0) each.removeAttribute("class");
    }
    const masthead = root.querySelector(".masthead").textContent;
    return (masthead + main.innerHTML).replace(/>\\s+/g, ">").replace(/\\s+</g, "<").replace(/\\s+/g, " ");
  };
  const answer = await fetch(location.href);
  const fresh = read(new DOMParser().parseFromString(await answer.text(), "text/html"));
  const open = read(document);
  window.difference = [open, fresh];
  return open === fresh;
}"""

SHOWN = "[...document.querySelectorAll('.masthead, main')].map(each => each.innerHTML).join()"


@contextmanager
def converges(*pages: Page) -> Iterator[None]:
    """Changes made in the block show on the open pages, exactly as if they had been opened afterwards.

    Each page must be changed by the block, and none is navigated.
    """
    before = [page.evaluate(SHOWN) for page in pages]
    for page in pages:
        page.evaluate("window.sameDocument = true")
    yield
    for page, was in zip(pages, before, strict=True):
        becomes_fresh(page, SECONDS)
        assert page.evaluate(SHOWN) != was, f"{page.url} did not change"


@contextmanager
def caught_up(page: Page, seconds: float = SECONDS) -> Iterator[None]:
    """After the block the page becomes as a fresh one, nothing twice, and was not navigated."""
    yield
    becomes_fresh(page, seconds)


def becomes_fresh(page: Page, seconds: float) -> None:
    # evaluated: wait_for_function takes the promise of an answer for a yes
    end = time.monotonic() + seconds
    while not page.evaluate(SAME):
        if time.monotonic() > end:
            raise AssertionError(difference(*page.evaluate("window.difference")))
        page.wait_for_timeout(20)
    assert page.evaluate("window.sameDocument"), "the page was navigated"


def difference(open_page: str, fresh: str) -> str:
    at = next(
        (i for i, (a, b) in enumerate(zip(open_page, fresh, strict=False)) if a != b), min(len(open_page), len(fresh))
    )
    around = slice(max(0, at - 200), at + 300)
    return f"The open page differs from a fresh one.\nOpen:  …{open_page[around]}\nFresh: …{fresh[around]}"
