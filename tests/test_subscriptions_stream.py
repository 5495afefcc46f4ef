# SPDX-License-Identifier: Apache-2.0
"""Subscriptions that are read as server-sent events."""
import http.client
import json

import pytest

from conftest import DEADLINE, wait_for
from test_subscriptions import PATH, put, sensor, subscribe

STATE = "/api/v1/subscriptions"


class Stream:
    """An open stream; next() gives the next event as (id, name, data)."""

    def __init__(self, hub, identifier, last=None, query=""):
        self.connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=DEADLINE)
        headers = {"Last-Event-ID": str(last)} if last is not None else {}
        self.connection.request("GET", f"{STATE}/{identifier}/stream{query}", headers=headers)
        self.answer = self.connection.getresponse()

    def next(self):
        event = {}
        while True:
            line = self.answer.readline().decode().rstrip("\n")
            if not line and "event" in event:
                return int(event["id"]), event["event"], json.loads(event["data"])
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                event[name] = value

    def levels(self, count):
        found = []
        while len(found) < count:
            _, name, data = self.next()
            if name == "notification":
                found += [e["level"]["value"] for e in data["data"]]
        return found

    def ended(self):
        return self.answer.read() is not None

    def close(self):
        self.answer.close()
        self.connection.close()


@pytest.mark.parametrize("uri", ["sse:", "urn:zhongshu:sse"])
def test_notifications_come_as_events(hub, uri):
    identifier = subscribe(hub, uri, q="level>5", entities=[{"type": "Sensor"}])
    stream = Stream(hub, identifier)
    assert stream.answer.status == 200 and stream.answer.headers["Content-Type"].startswith("text/event-stream")
    assert stream.next()[1] == "hello"
    put(hub, sensor(1, level=3), sensor(2, level=9))
    number, name, data = stream.next()
    assert name == "notification" and data["type"] == "Notification" and data["subscriptionId"] == identifier
    assert [e["id"] for e in data["data"]] == ["urn:ngsi-ld:Sensor:2"] and number > 0
    wait_for("the count", lambda: hub.get(f"{PATH}/{identifier}").json["notification"].get("timesSent") == 1)
    answer = hub.get(f"{STATE}/{identifier}/why?entity=urn:ngsi-ld:Sensor:2").json
    assert answer["verdict"] == "stream"
    stream.close()


def test_resuming_loses_nothing(hub):
    identifier = subscribe(hub, "sse:", entities=[{"type": "Sensor"}])
    first = Stream(hub, identifier)
    first.next()
    put(hub, sensor(1, level=1))
    number, _, _ = first.next()
    first.close()
    put(hub, sensor(1, level=2))
    hub.stop()
    hub.start()
    put(hub, sensor(1, level=3))
    again = Stream(hub, identifier, last=number)
    assert again.levels(2) == [2, 3]
    again.close()
    assert Stream(hub, identifier, query=f"?after={number}").levels(1) == [2]
    ahead = Stream(hub, identifier, last=10**9)
    assert ahead.next()[1] == "reset"
    ahead.close()


def test_each_reader_has_its_place(hub):
    identifier = subscribe(hub, "sse:", entities=[{"type": "Sensor"}])
    readers = [Stream(hub, identifier) for _ in range(3)]
    for r in readers:
        r.next()
    for k in range(5):
        put(hub, *[sensor(n, level=n + 100 * k) for n in range(100)])
    for r in readers:
        assert sorted(r.levels(500)) == sorted(n + 100 * k for k in range(5) for n in range(100))
        r.close()


def test_nobody_reading_holds_nothing(hub):
    identifier = subscribe(hub, "sse:", entities=[{"type": "Sensor"}])
    put(hub, sensor(1, level=1))
    row, = hub.get(STATE).json["items"]
    assert row["state"] == "active" and row["behind"] == 0 and row["id"] == identifier


def test_the_stream_ends_with_the_subscription(hub):
    identifier = subscribe(hub, "sse:", entities=[{"type": "Sensor"}])
    stream = Stream(hub, identifier)
    stream.next()
    assert hub.delete(f"{PATH}/{identifier}").status == 204
    put(hub, sensor(1, level=1))
    assert stream.ended()
    stream.close()


def test_what_cannot_be_read(hub):
    other = subscribe(hub, "http://127.0.0.1:9/x", entities=[{"type": "Sensor"}])
    paused = subscribe(hub, "sse:", isActive=False, entities=[{"type": "Sensor"}])
    mine = subscribe(hub, "sse:", entities=[{"type": "Sensor"}])
    for identifier, status in ((other, 400), (paused, 409), ("urn:no:such", 404)):
        answer = hub.get(f"{STATE}/{identifier}/stream")
        assert answer.status == status and answer.json["detail"]
    assert hub.get(f"{STATE}/{mine}/stream?after=x").status == 400
