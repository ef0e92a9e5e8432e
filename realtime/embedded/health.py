"""Asks /healthz, as a load balancer would."""

import http.client
from collections.abc import Callable
from urllib.parse import urlsplit

ANSWER_TIMEOUT = 3  # seconds for one answer; /healthz asks a worker and waits for it


def healthy(url: str, host: str = "") -> Callable[[], bool]:
    """Returns a condition: whether /healthz at this URL answers 200 to a request whose Host is `host`."""

    def answers() -> bool:
        place = urlsplit(url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=ANSWER_TIMEOUT)
        try:
            connection.request("GET", "/healthz", headers={"Host": host or place.netloc})
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return answers
