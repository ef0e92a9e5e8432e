"""`GET /metrics`: what this process has done, in Prometheus' text format, for those on METRICS_FROM.

Each process answers for itself; the label `process` tells them apart where several share a port.
"""

import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import fields
from typing import Any

from django.conf import settings

from consumers.access import addresses
from consumers.access.connection_quota import quota
from consumers.delivery.hub import hub
from consumers.metrics import counters
from consumers.presence.tracker import tracker

TYPE = b"text/plain; version=0.0.4; charset=utf-8"

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def metrics(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """An ASGI application. 404 for everybody else: whether there are figures is nobody's business."""
    may = allowed(scope)
    body = "".join(lines()).encode() if may else b""
    headers = [(b"content-type", TYPE), (b"cache-control", b"no-store"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200 if may else 404, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def allowed(scope: dict[str, Any]) -> bool:
    """Whether the client is on METRICS_FROM. A proxy that nobody trusts may speak for anyone, so it may not ask."""
    forwarded = any(name in (b"x-forwarded-for", b"forwarded") for name, _ in scope["headers"])
    address = addresses.client(scope)
    if forwarded and not settings.TRUSTED_PROXIES:
        return False
    return scope["method"] == "GET" and addresses.among(address, settings.METRICS_FROM)


def lines() -> Iterator[str]:
    for field in fields(counters):
        value = getattr(counters, field.name)
        yield f"# TYPE stop_press_{field.name}_total counter\n"
        if isinstance(value, Counter):
            for code, number in sorted(value.items()):
                yield _line(f"{field.name}_total", number, code=code)
        else:
            yield _line(f"{field.name}_total", value)
    for name, value in gauges():
        yield f"# TYPE stop_press_{name} gauge\n"
        yield _line(name, value)


def gauges() -> Iterator[tuple[str, int]]:
    yield "sockets", len(hub.registry)
    yield "topics", hub.registry.topics
    yield "position", hub.history.offset
    yield "ring_events", len(hub.history.backlog)
    yield "ring_bytes", hub.history.backlog.bytes
    yield "revoked", len(hub.revocations)
    yield "counting_alone", int(quota.alone)
    yield "present", tracker.present
    yield "crowds", tracker.presences
    yield "presence_alone", int(tracker.alone)


def _line(name: str, value: int, **labels: str) -> str:
    said = ",".join(f'{label}="{text}"' for label, text in {"process": str(os.getpid()), **labels}.items())
    return f"stop_press_{name}{{{said}}} {value}\n"
