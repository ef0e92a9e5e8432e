import urllib.error
import urllib.request

import pytest

from realtime.embedded.listening import StartingResponder, address, bind
from realtime.embedded.supervisor import Failed


def test_a_request_before_the_first_edge_is_up_gets_a_503_with_retry_after() -> None:
    with bind("127.0.0.1", 0) as listening, StartingResponder(listening):
        for _ in range(2):
            with pytest.raises(urllib.error.HTTPError) as answer:
                urllib.request.urlopen(address(listening) + "healthz", timeout=30)
            assert answer.value.code == 503
            assert answer.value.headers["Retry-After"] == "1"


def test_a_request_after_it_has_left_waits_for_an_edge() -> None:
    with bind("127.0.0.1", 0) as listening:
        StartingResponder(listening).leave()
        with pytest.raises(TimeoutError):
            urllib.request.urlopen(address(listening), timeout=0.3)


@pytest.mark.parametrize(("host", "url"), [("0.0.0.0", "http://127.0.0.1:"), ("localhost", "http://")])
def test_the_address_is_one_that_a_browser_on_this_machine_can_open(host: str, url: str) -> None:
    with bind(host, 0) as listening:
        assert address(listening).startswith(url)


def test_a_host_that_is_not_ours_is_one_sentence() -> None:
    with pytest.raises(Failed, match=r"^Cannot listen on HOST 192\.0\.2\.1, PORT 0: .+\.$"):
        bind("192.0.2.1", 0)
