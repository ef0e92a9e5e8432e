"""`GET /metrics`: what this process has done, in Prometheus' text format, for those on METRICS_FROM.

Each process answers for itself; the label `process` tells them apart where several share a port.
"""

import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import fields
from itertools import accumulate
from typing import Any

from django.conf import settings
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from consumers.access import addresses
from consumers.access.connection_quota import quota
from consumers.delivery.hub import hub
from consumers.metrics import HELP, Histogram, counters, delivery_seconds, job_seconds, page_seconds
from consumers.presence.tracker import tracker

PREFIX = "stop_press_"
HISTOGRAMS = (
    (
        "delivery_seconds",
        "Seconds from the commit of an event until it was written to an audience's last reader.",
        delivery_seconds,
    ),
    ("page_seconds", "Seconds from a request for a page to the begin of its answer.", page_seconds),
    (
        "job_seconds",
        "Seconds from the start of a job to its end, as the log tells; each edge counts all jobs.",
        job_seconds,
    ),
)

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def metrics(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answers with the figures, as an ASGI application; with 404 to all who may not know that there are any."""
    may = may_scrape(scope)
    body = generate_latest(registry) if may else b""
    headers = [
        (b"content-type", CONTENT_TYPE_PLAIN_0_0_4.encode()),
        (b"cache-control", b"no-store"),
        (b"content-length", b"%d" % len(body)),
    ]
    await send({"type": "http.response.start", "status": 200 if may else 404, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def may_scrape(scope: dict[str, Any]) -> bool:
    """Returns whether the client is on METRICS_FROM. An untrusted proxy may speak for anyone, so it may not ask."""
    forwarded = any(name in (b"x-forwarded-for", b"forwarded") for name, _ in scope["headers"])
    address = addresses.client(scope)
    if forwarded and not settings.TRUSTED_PROXIES:
        return False
    return scope["method"] == "GET" and addresses.among(address, settings.METRICS_FROM)


class EdgeCollector(Collector):
    """Makes Prometheus' metrics of this process's counters, gauges and histograms when they are asked for."""

    def collect(self) -> Iterable[Metric]:
        """Yields each metric with its help; the label `process` tells several processes on one port apart."""
        process = str(os.getpid())
        yield from _counters(process)
        for name, text, value in gauges():
            gauge = GaugeMetricFamily(PREFIX + name, text, labels=["process"])
            gauge.add_metric([process], value)
            yield gauge
        for name, text, histogram in HISTOGRAMS:
            yield _family(name, text, histogram, process)


class LabelledCollector(Collector):
    """A collector of the library's whose metrics get the label `process` too."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def collect(self) -> Iterable[Metric]:
        """Yields the collector's metrics, each sample with the label."""
        process = str(os.getpid())
        for metric in self._collector.collect():
            metric.samples = [
                sample._replace(labels={**sample.labels, "process": process}) for sample in metric.samples
            ]
            yield metric


def _counters(process: str) -> Iterator[Metric]:
    for field in fields(counters):
        value = getattr(counters, field.name)
        by_code = isinstance(value, Counter)
        labels = ["process", "code"] if by_code else ["process"]
        family = CounterMetricFamily(PREFIX + field.name, HELP[field.name], labels=labels)
        if by_code:
            for code, number in sorted(value.items()):
                family.add_metric([process, code], number)
        else:
            family.add_metric([process], value)
        yield family


def _family(name: str, text: str, histogram: Histogram, process: str) -> Metric:
    family = HistogramMetricFamily(PREFIX + name, text, labels=["process"])
    bounds = [*map(str, histogram.bounds), "+Inf"]
    family.add_metric([process], list(zip(bounds, accumulate(histogram.counts), strict=True)), histogram.total)
    return family


def gauges() -> Iterator[tuple[str, str, int]]:
    """Yields what this process has now: name, help, value."""
    yield "sockets", "Readers now.", len(hub.registry)
    yield "topics", "Topics that somebody follows.", hub.registry.topics
    yield "position", "The offset up to which the log has arrived.", hub.history.offset
    yield "ring_events", "Events in the backlog, in memory.", len(hub.history.backlog)
    yield "ring_bytes", "Bytes of the backlog.", hub.history.backlog.bytes
    yield "revoked", "Users some of whose tickets are refused.", len(hub.revocations)
    yield "counting_alone", "1 while Redis does not answer and connections are counted here only.", int(quota.is_alone)
    yield "present", "Sockets and requests that are present on a topic.", tracker.present
    yield "crowds", "Topics that somebody is present on.", tracker.topics
    yield "presence_alone", "1 while presence counts this process only.", int(tracker.is_alone)


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(EdgeCollector())
    for collector in (
        ProcessCollector(registry=None),
        PlatformCollector(registry=None),
        GCCollector(registry=CollectorRegistry()),
    ):
        registry.register(LabelledCollector(collector))
    return registry


registry = _registry()
