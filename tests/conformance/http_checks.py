"""What only the two transports over plain HTTP have: headers, methods, pages, the browser's own cursor."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.conformance.checks import HTTP, Trial, assert_is, check, offset
from tests.conformance.transports import Frame, ask, page

PATH = {"stream": "/live/stream", "log": "/live/log"}


def send(trial: Trial, method: str = "GET", headers: dict[str, str] | None = None, **options: str) -> Any:
    _, answer = ask(
        trial.site, PATH[trial.open.name], [trial.topic], None, None, False, options, method, **(headers or {})
    )
    return answer


def read(trial: Trial, **options: str) -> Frame:
    return page(trial.site, [trial.topic], **options)  # type: ignore[arg-type]


@check("Nothing on the way may keep the answer, or keep it back.", *HTTP)
def _headers(trial: Trial) -> None:
    answer = send(trial)
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Accel-Buffering"] == "no"
    expected = {"stream": "text/event-stream", "log": "application/json"}[trial.open.name]
    assert answer.headers["Content-Type"].startswith(expected)
    answer.close()


@check("HEAD has the headers and no body, OPTIONS the methods, and other methods are refused.", *HTTP)
def _methods(trial: Trial) -> None:
    head = send(trial, "HEAD")
    assert (head.status, head.read()) == (200, b"")
    assert head.headers["Cache-Control"] == "no-store"
    options = send(trial, "OPTIONS")
    assert (options.status, options.headers["Allow"]) == (204, "GET, HEAD, OPTIONS")
    for method in ("POST", "PUT", "DELETE"):
        refused = send(trial, method)
        assert (refused.status, refused.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
        assert json.loads(refused.read())["code"] == "bad-method"


@check("Pages of other origins may not read it.", *HTTP)
def _origins(trial: Trial) -> None:
    for method in ("GET", "OPTIONS"):
        answer = send(trial, method, {"Origin": "https://elsewhere.example"})
        assert answer.headers["Access-Control-Allow-Origin"] is None
        answer.close()


@check("A parameter that does not fit is refused, in JSON.", *HTTP)
def _bad_parameters(trial: Trial) -> None:
    bad = [{"compact": "maybe"}]
    if trial.open.name == "log":
        bad += [{"limit": number} for number in ("0", "-1", "1001", "many", "")]
        bad += [{"wait": seconds} for seconds in ("-1", "26", "nan", "inf", "long")]
    for parameters in bad:
        answer = send(trial, **parameters)
        assert answer.status == 400, parameters
        assert answer.headers["Content-Type"].startswith("application/json")
        assert json.loads(answer.read())["code"] == "bad-parameter"
    _, answer = ask(trial.site, PATH[trial.open.name], [], None, None, False, {})
    assert (answer.status, json.loads(answer.read())["code"]) == (400, "bad-parameter")


@check("Last-Event-ID wins over since.", *HTTP)
def _last_event_id(trial: Trial) -> None:
    reader = trial.follow()
    trial.publish("Before")
    reader.hear()
    second = trial.publish("After")
    answer = send(trial, headers={"Last-Event-ID": reader.cursor}, since=reader.position)
    if trial.open.name == "log":
        (event,) = json.loads(answer.read())["events"]
    else:
        assert answer.readline().decode() == f"id: {reader.cursor}\n"
        answer.readline()
        lines = [answer.readline().decode().rstrip("\n") for _ in range(3)]
        assert lines[1] == "event: post.published"
        event = json.loads(lines[2].removeprefix("data: "))
        assert lines[0] == f"id: {event['position']}"
        answer.close()
    assert_is(event, "post.published", second)


@check("An answer says where it ends, also in its header.", "log")
def _answer(trial: Trial) -> None:
    empty = read(trial)
    assert {**empty, "position": ""} == {"position": "", "recovered": True, "missed": 0, "events": [], "more": False}
    trial.publish()
    answer = send(trial, since=empty["position"])
    full = json.loads(answer.read())
    assert list(full) == ["position", "recovered", "missed", "events", "more"]
    assert (full["missed"], len(full["events"]), full["more"]) == (1, 1, False)
    assert answer.headers["Live-Position"] == full["position"]
    assert offset(full["position"]) >= offset(full["events"][0]["position"])


@check("What cannot be recovered is one answer without events.", "log")
def _lost(trial: Trial) -> None:
    lost = read(trial, since="elsewhere-7")
    expected = {"recovered": False, "reason": "epoch", "missed": None, "events": [], "more": False}
    assert {name: value for name, value in lost.items() if name != "position"} == expected
    assert read(trial, since=lost["position"])["recovered"]


@check("A page of the log ends at its last event, and the next begins there.", "log")
def _pages(trial: Trial) -> None:
    since = read(trial)["position"]
    posts = [trial.publish(f"Number {number}") for number in range(5)]
    told, more = [], True
    while more:
        answer = read(trial, since=since, limit="2")
        assert answer["missed"] == len(answer["events"]) <= 2
        told += [event["key"] for event in answer["events"]]
        since, more = answer["position"], answer["more"]
        assert not more or since == answer["events"][-1]["position"]
    assert told == [f"post.{post}" for post in posts]


@check("An answer waits for the first event, and no longer than it was asked to.", "log")
def _wait(trial: Trial) -> None:
    since = read(trial)["position"]
    begun = time.monotonic()
    empty = read(trial, since=since, wait="0.5")
    assert (empty["events"], empty["recovered"]) == ([], True)
    assert 0.4 < time.monotonic() - begun < 5
    with ThreadPoolExecutor(1) as pool:
        kept_back = pool.submit(read, trial, since=empty["position"], wait="25")
        trial.writer.publish("Elsewhere", trial.writer.other_tag)  # takes longer than a question on its way
        post, published = trial.publish(), time.monotonic()
        assert_is(kept_back.result()["events"][0], "post.published", post)
    assert time.monotonic() - published < 10
