"""Asks /healthz as a load balancer would."""

import http.client
from collections.abc import Callable
from urllib.parse import urlsplit

SECONDS = 3  # for one answer; /healthz asks a worker and waits for it


def healthy(url: str, host: str = "") -> Callable[[], bool]:
    """A condition: whether /healthz at this URL answers 200. `host` is the name it is asked by."""

    def answers() -> bool:
        place = urlsplit(url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=SECONDS)
        try:
            connection.request("GET", "/healthz", headers={"Host": host or place.netloc})
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return answers
