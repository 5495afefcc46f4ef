# SPDX-License-Identifier: Apache-2.0
"""Live changes: order, filters, resuming without a gap, slow readers."""
import http.client
import json
import threading

import pytest

from conftest import DEADLINE, wait_for

ENTITIES = "/ngsi-ld/v1/entities"


class Stream:
    """One connection; events are read as they are asked for."""

    def __init__(self, hub, query="", headers=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=DEADLINE)
        self.connection.request("GET", "/api/v1/stream" + query, headers=headers or {})
        self.response = self.connection.getresponse()
        assert self.response.status == 200, self.response.read()
        assert self.response.headers["Content-Type"].startswith("text/event-stream")

    def next(self, kind="change"):
        event = {}
        while True:
            line = self.response.readline().decode().rstrip("\n")
            if line:
                name, _, value = line.partition(": ")
                event[name] = value
            elif "event" in event:
                assert event["event"] == kind, event
                return {**json.loads(event["data"]), "_id": int(event["id"])}
            else:
                event = {}

    def close(self):
        self.response.close()
        self.connection.close()


@pytest.fixture
def listen(hub):
    open_streams = []

    def start(query="", **kw):
        open_streams.append(Stream(hub, query, **kw))
        return open_streams[-1]

    yield start
    for stream in open_streams:
        stream.close()


def sensor(number, value=1, kind="Sensor", lon=None, **more):
    body = {"id": f"urn:ngsi-ld:{kind}:{number}", "type": kind,
            "level": {"type": "Property", "value": value, "observedAt": "2026-03-01T00:00:00Z"}, **more}
    if lon is not None:
        body["location"] = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [lon, 29.5]}}
    return body


def put(hub, *entities):
    answer = hub.post("/ngsi-ld/v1/entityOperations/upsert?options=update", list(entities))
    assert answer.status in (201, 204), answer


def test_a_change_arrives_with_its_values(hub, listen):
    stream = listen()
    end = stream.next("hello")["seq"]
    put(hub, sensor(1, 2.5, name={"type": "Property", "value": "大坪"}))
    event = stream.next()
    assert event["seq"] == event["_id"] == end + 1
    assert (event["op"], event["id"], event["type"]) == ("create", "urn:ngsi-ld:Sensor:1", ["Sensor"])
    assert event["attrs"] == {"level": 2.5, "name": "大坪"}
    assert event["observedAt"] == "2026-03-01T00:00:00Z" and event["at"].endswith("Z")
    hub.delete(f"{ENTITIES}/urn:ngsi-ld:Sensor:1/attrs/name")
    assert stream.next()["gone"] == ["name"]
    hub.delete(f"{ENTITIES}/urn:ngsi-ld:Sensor:1")
    assert stream.next()["op"] == "delete"


def test_changes_come_in_order_and_once(hub, listen):
    stream = listen()
    stream.next("hello")
    for start in range(0, 1000, 100):
        put(hub, *[sensor(n) for n in range(start, start + 100)])
    events = [stream.next() for _ in range(1000)]
    assert [e["seq"] for e in events] == list(range(events[0]["seq"], events[0]["seq"] + 1000))
    assert [e["id"] for e in events] == [f"urn:ngsi-ld:Sensor:{n}" for n in range(1000)]


def test_filters_by_type_id_and_place(hub, listen):
    streams = [listen("?type=Pump,Gate"), listen("?id=urn:ngsi-ld:Sensor:2"), listen("?bbox=106,29,107,30")]
    put(hub, sensor(1, lon=106.5), sensor(2, lon=108), sensor(3, kind="Pump", lon=108), sensor(4, kind="Gate"))
    put(hub, sensor(1, 7), sensor(2, 7))
    for stream, expected in zip(streams, [["Pump:3", "Gate:4"], ["Sensor:2", "Sensor:2"], ["Sensor:1", "Sensor:1"]]):
        stream.next("hello")
        assert [stream.next()["id"].removeprefix("urn:ngsi-ld:") for _ in expected] == expected


def test_what_leaves_the_box_is_told_once_more(hub, listen):
    stream = listen("?bbox=106,29,107,30")
    stream.next("hello")
    put(hub, sensor(1, lon=106.5))
    put(hub, sensor(1, lon=110))
    put(hub, sensor(1, 9))
    put(hub, sensor(2, lon=106.2))
    seen = [stream.next() for _ in range(3)]
    assert [e["id"][-1] for e in seen] == ["1", "1", "2"]
    assert seen[1]["attrs"]["location"]["coordinates"] == [110, 29.5]


@pytest.mark.parametrize("by_header", [True, False])
def test_resumes_without_a_gap(hub, listen, by_header):
    first = listen()
    first.next("hello")
    put(hub, *[sensor(n) for n in range(10)])
    last = [first.next() for _ in range(4)][-1]["_id"]
    first.close()
    put(hub, *[sensor(n) for n in range(10, 20)])
    again = listen(headers={"Last-Event-ID": str(last)}) if by_header else listen(f"?after={last}")
    assert [again.next()["id"] for _ in range(16)] == [f"urn:ngsi-ld:Sensor:{n}" for n in range(4, 20)]


def test_resumes_across_a_restart(hub, listen):
    first = listen()
    first.next("hello")
    put(hub, sensor(1))
    last = first.next()["_id"]
    first.close()
    hub.kill()
    hub.start()
    put(hub, sensor(2))
    assert listen(f"?after={last}").next()["id"] == "urn:ngsi-ld:Sensor:2"


def test_a_place_of_another_log_is_reset(hub, listen):
    put(hub, sensor(1))
    stream = listen("?after=999999")
    stream.next("reset")
    put(hub, sensor(2))
    assert stream.next()["id"] == "urn:ngsi-ld:Sensor:2"


def test_late_values_are_history_not_news(hub, listen):
    put(hub, sensor(1))
    stream = listen()
    stream.next("hello")
    hub.post("/ngsi-ld/v1/temporal/entities",
             {"id": "urn:ngsi-ld:Sensor:1", "type": "Sensor",
              "level": {"type": "Property", "value": 0, "observedAt": "2020-01-01T00:00:00Z"}})
    put(hub, sensor(2))
    assert stream.next()["id"] == "urn:ngsi-ld:Sensor:2"


def test_a_reader_that_sleeps_holds_nobody_up(hub, listen):
    asleep, awake = listen(), listen()
    big = {"type": "Property", "value": "x" * 20000}
    awake.next("hello")
    for n in range(0, 400, 50):
        put(hub, *[sensor(i, note=big) for i in range(n, n + 50)])
        assert [awake.next()["id"] for _ in range(50)]
    asleep.next("hello")
    assert [asleep.next()["id"] for _ in range(400)] == [f"urn:ngsi-ld:Sensor:{n}" for n in range(400)]


def test_many_readers_see_everything(hub):
    streams = [Stream(hub, "?type=Sensor") for _ in range(40)]
    counts = []

    def read(stream):
        stream.next("hello")
        counts.append(len([stream.next() for _ in range(200)]))

    threads = [threading.Thread(target=read, args=[s]) for s in streams]
    for thread in threads:
        thread.start()
    for n in range(0, 200, 20):
        put(hub, *[sensor(i) for i in range(n, n + 20)])
    for thread in threads:
        thread.join(DEADLINE)
    assert counts == [200] * 40
    for stream in streams:
        stream.close()
    metrics = lambda: hub.get("/metrics").text
    wait_for("the streams to end", lambda: "zhongshu_http_streams 0" in metrics() or "streams" not in metrics())


def test_mistakes_are_named(hub):
    for query in ["?bbox=1,2,3", "?bbox=a,b,c,d", "?bbox=1,2,3,4,5", "?after=-1", "?after=soon"]:
        assert hub.get("/api/v1/stream" + query).status == 400, query
