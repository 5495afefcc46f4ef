# SPDX-License-Identifier: Apache-2.0
"""Subscriptions and their notifications: what triggers, what is sent, failing endpoints, restarts, MQTT."""
import http.server
import json
import subprocess
import threading
import time

import pytest

from conftest import free_port, wait_for

PATH = "/ngsi-ld/v1/subscriptions"
ENTITIES = "/ngsi-ld/v1/entities"


class Receiver:
    """An endpoint that remembers what it was sent; answer is the status it gives."""

    def __init__(self, port=0, answer=200):
        self.got, self.headers, self.answer, self.attempts = [], [], answer, 0
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.attempts += 1
                if receiver.answer == 200:
                    receiver.headers.append(self.headers)
                    receiver.got.append(body)
                self.send_response(receiver.answer)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}/notify"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def entities(self):
        return [entity for body in list(self.got) for entity in body["data"]]

    def wait(self, count, what="notified entities"):
        return wait_for(f"{count} {what}", lambda: len(self.entities()) >= count and self.entities())

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver():
    r = Receiver()
    yield r
    r.close()


def subscribe(hub, url, notification=None, endpoint=None, expect=201, **more):
    more = more or {"entities": [{"type": "Sensor"}]}
    answer = hub.post(PATH, {"type": "Subscription", **more,
                             "notification": {"endpoint": {"uri": url, **(endpoint or {})}, **(notification or {})}})
    assert answer.status == expect, answer
    return answer.headers["Location"].rsplit("/", 1)[1] if expect == 201 else answer


def sensor(number=1, kind="Sensor", **values):
    return {"id": f"urn:ngsi-ld:{kind}:{number}", "type": kind,
            **{name: {"type": "Property", "value": value} for name, value in values.items()}}


def put(hub, *entities):
    answer = hub.post("/ngsi-ld/v1/entityOperations/upsert?options=update", list(entities))
    assert answer.status in (201, 204), answer


def settle(hub, receiver, marker=[0]):
    """When this last change has arrived, all changes before it have been dealt with."""
    marker[0] += 1
    identifier = f"urn:ngsi-ld:Marker:{marker[0]}"
    subscription = subscribe(hub, receiver.url, entities=[{"id": identifier, "type": "Marker"}])
    put(hub, {"id": identifier, "type": "Marker", "a": {"type": "Property", "value": 1}})
    wait_for("the marker", lambda: any(e["id"] == identifier for e in receiver.entities()))
    hub.delete(f"{PATH}/{subscription}")
    return [e for e in receiver.entities() if "Marker" not in e["id"]]


def test_a_change_is_sent(hub, receiver):
    identifier = subscribe(hub, receiver.url, endpoint={"receiverInfo": [{"key": "X-Key", "value": "s3cret"}]})
    put(hub, sensor(1, level=2.5), sensor(1, kind="Pump", level=1))
    receiver.wait(1)
    body, headers = receiver.got[0], receiver.headers[0]
    assert body["type"] == "Notification" and body["subscriptionId"] == identifier and "notifiedAt" in body
    assert body["data"] == [{"id": "urn:ngsi-ld:Sensor:1", "type": "Sensor", "level": {"type": "Property", "value": 2.5}}]
    assert headers["Content-Type"] == "application/json" and headers["X-Key"] == "s3cret" and "Link" in headers
    shown = wait_for("the counters", lambda: (s := hub.get(f"{PATH}/{identifier}").json)["notification"].get("timesSent") and s)
    assert shown["status"] == "active" and shown["notification"]["status"] == "ok"
    assert shown["notification"]["lastSuccess"].endswith("Z")


def test_every_change_is_sent_in_order(hub, receiver):
    subscribe(hub, receiver.url)
    for value in range(200):
        put(hub, sensor(value % 7, level=value))
    seen = [e["level"]["value"] for e in receiver.wait(200)]
    assert seen == list(range(200))


def test_filters(hub, receiver):
    def ids(**subscription):
        before = len(receiver.entities())
        identifier = subscribe(hub, receiver.url, **subscription)
        tail = [sensor(1, level=10, other=1), sensor(2, level=20), sensor(3, kind="Pump", level=30),
                {**sensor(4, level=40), "scope": "/a/b",
                 "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [106.5, 29.5]}}}]
        put(hub, *tail)
        found = settle(hub, receiver)
        hub.delete(f"{PATH}/{identifier}")
        for e in tail:
            hub.delete(f"{ENTITIES}/{e['id']}")
        receiver.got.clear()
        assert before == 0
        return [e["id"][-1] for e in found]

    sensors = [{"type": "Sensor"}]
    assert ids(entities=sensors) == ["1", "2", "4"]
    assert ids(entities=[{"type": "Sensor", "id": ["urn:ngsi-ld:Sensor:2"]}, {"type": "Pump"}]) == ["2", "3"]
    assert ids(entities=[{"type": "Sensor", "idPattern": ":[14]$"}]) == ["1", "4"]
    assert ids(entities=[{"type": "Sensor|Pump"}]) == ["1", "2", "3", "4"]
    assert ids(entities=sensors, watchedAttributes=["other"]) == ["1"]
    assert ids(watchedAttributes=["other"]) == ["1"]
    assert ids(entities=sensors, q="level>15") == ["2", "4"]
    assert ids(entities=sensors, scopeQ="/a/#") == ["4"]
    assert ids(entities=sensors, geoQ={"georel": "near;maxDistance==100", "geometry": "Point",
                                       "coordinates": [106.5, 29.5]}) == ["4"]


def test_triggers(hub, receiver):
    def seen(*triggers):
        receiver.got.clear()
        identifier = subscribe(hub, receiver.url, entities=[{"type": "Sensor"}], notificationTrigger=list(triggers))
        put(hub, sensor(1, a=1))
        put(hub, sensor(1, a=2))
        put(hub, sensor(1, b=1))
        hub.delete(f"{ENTITIES}/urn:ngsi-ld:Sensor:1/attrs/b")
        hub.delete(f"{ENTITIES}/urn:ngsi-ld:Sensor:1")
        found = settle(hub, receiver)
        hub.delete(f"{PATH}/{identifier}")
        return found

    assert len(seen("entityCreated")) == 1
    created = seen("attributeCreated")  # what a change did not write is shown as it is when it is sent
    assert len(created) == 2 and created[0]["a"]["value"] == 1 and created[1]["b"]["value"] == 1
    assert [e["a"]["value"] for e in seen("attributeUpdated")] == [2]
    assert [e["b"] for e in seen("attributeDeleted")] == ["urn:ngsi-ld:null"]
    assert len(seen("entityUpdated")) == 4
    deleted = seen("entityDeleted")
    assert len(deleted) == 1 and set(deleted[0]) == {"id", "type", "deletedAt"}


def test_representations(hub, receiver):
    def first(notification=None, **endpoint):
        receiver.got.clear()
        receiver.headers.clear()
        identifier = subscribe(hub, receiver.url, notification, endpoint)
        put(hub, {**sensor(1, a=time.time(), b=2),
                  "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}}})
        wait_for("a notification", lambda: receiver.got)
        hub.delete(f"{PATH}/{identifier}")
        return receiver.got[0], receiver.headers[0]["Content-Type"]

    assert first({"format": "keyValues", "attributes": ["b"]})[0]["data"] == [
        {"id": "urn:ngsi-ld:Sensor:1", "type": "Sensor", "b": 2}]
    assert first({"format": "concise", "pick": ["b"]})[0]["data"] == [{"b": 2}]
    assert set(first({"omit": ["a", "location"]})[0]["data"][0]) == {"id", "type", "b"}
    assert "modifiedAt" in first({"sysAttrs": True})[0]["data"][0]["a"]
    body, kind = first(accept="application/ld+json")
    assert "@context" in body and kind == "application/ld+json"
    body, kind = first(accept="application/geo+json")
    assert body["data"]["type"] == "FeatureCollection" and kind == "application/geo+json"
    assert body["data"]["features"][0]["geometry"] == {"type": "Point", "coordinates": [1, 2]}


def test_throttling_sends_the_latest(hub, receiver):
    subscribe(hub, receiver.url, entities=[{"type": "Sensor"}], throttling=0.5)
    for value in range(50):
        put(hub, sensor(1, level=value))
    wait_for("the last value", lambda: receiver.entities() and receiver.entities()[-1]["level"]["value"] == 49)
    assert len(receiver.got) <= 5


def test_an_interval_sends_what_there_is(hub, receiver):
    put(hub, sensor(1, level=1), sensor(2, level=5))
    subscribe(hub, receiver.url, entities=[{"type": "Sensor"}], timeInterval=0.3, q="level>3")
    wait_for("three rounds", lambda: len(receiver.got) >= 3)
    assert all([e["id"][-1] for e in body["data"]] == ["2"] for body in receiver.got)


def test_pause_change_and_remove(hub, receiver):
    identifier = subscribe(hub, receiver.url, description="levels", entities=[{"type": "Sensor"}])
    one = f"{PATH}/{identifier}"
    assert hub.patch(one, {"isActive": False}).status == 204
    assert hub.get(one).json["status"] == "paused"
    put(hub, sensor(1, level=1))
    assert settle(hub, receiver) == []
    assert hub.patch(one, {"isActive": True, "q": "level>5", "description": None}).status == 204
    shown = hub.get(one).json
    assert shown["q"] == "level>5" and "description" not in shown and shown["status"] == "active"
    put(hub, sensor(1, level=2), sensor(2, level=9))
    assert [e["id"][-1] for e in settle(hub, receiver)] == ["2"]
    assert hub.delete(one).status == 204
    assert hub.get(one).status == hub.patch(one, {"q": "a"}).status == hub.delete(one).status == 404
    put(hub, sensor(2, level=10))
    assert len(settle(hub, receiver)) == 1


def test_expiry(hub, receiver):
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    identifier = subscribe(hub, receiver.url, expiresAt=soon, entities=[{"type": "Sensor"}])
    wait_for("the expiry", lambda: hub.get(f"{PATH}/{identifier}").json["status"] == "expired")
    put(hub, sensor(1, level=1))
    assert settle(hub, receiver) == []
    subscribe(hub, receiver.url, expiresAt="2020-01-01T00:00:00Z", expect=400, entities=[{"type": "Sensor"}])


def test_a_dead_endpoint_holds_up_only_itself(hub, receiver):
    dead = subscribe(hub, f"http://127.0.0.1:{free_port()}/x")
    subscribe(hub, receiver.url)
    for value in range(20):
        put(hub, sensor(1, level=value))
    assert [e["level"]["value"] for e in receiver.wait(20)] == list(range(20))
    shown = wait_for("the failure", lambda: (s := hub.get(f"{PATH}/{dead}").json)["notification"].get("timesFailed") and s)
    assert shown["notification"]["status"] == "failed" and shown["notification"]["failureReason"]
    assert shown["status"] == "active"


def test_a_failing_endpoint_gets_everything_later(hub):
    failing = Receiver(answer=503)
    identifier = subscribe(hub, failing.url)
    put(hub, *[sensor(n, level=n) for n in range(10)])
    wait_for("an attempt", lambda: failing.attempts >= 1)
    assert "503" in wait_for("the reason", lambda: hub.get(f"{PATH}/{identifier}").json["notification"].get("failureReason"))
    put(hub, sensor(10, level=10))
    failing.answer = 200
    assert sorted(e["level"]["value"] for e in failing.wait(11)) == list(range(11))
    failing.close()


@pytest.mark.parametrize("gently", [True, False])
def test_a_restart_loses_nothing(hub, gently):
    port = free_port()
    identifier = subscribe(hub, f"http://127.0.0.1:{port}/notify")
    put(hub, *[sensor(n, level=n) for n in range(5)])
    (hub.stop if gently else hub.kill)()
    hub.start()
    put(hub, *[sensor(n, level=n) for n in range(5, 10)])
    late = Receiver(port)
    seen = wait_for("all ten", lambda: {e["level"]["value"] for e in late.entities()} == set(range(10)))
    assert seen and hub.get(f"{PATH}/{identifier}").json["status"] == "active"
    late.close()


def test_a_restart_repeats_little(hub, receiver):
    identifier = subscribe(hub, receiver.url)
    put(hub, *[sensor(n, level=n) for n in range(50)])
    receiver.wait(50)
    wait_for("the counters", lambda: hub.get(f"{PATH}/{identifier}").json["notification"].get("timesSent"))
    hub.stop()
    hub.start()
    put(hub, sensor(99, level=99))
    wait_for("the new one", lambda: receiver.entities()[-1]["level"]["value"] == 99)
    assert len(receiver.entities()) == 51
    wait_for("the count", lambda: hub.get(f"{PATH}/{identifier}").json["notification"]["timesSent"] >= 2)


def test_mqtt(hub, broker):
    listener = subprocess.Popen(["stdbuf", "-oL", "mosquitto_sub", "-W", "40", "-p", str(broker.port), "-t", "out/#", "-C", "1", "-v", "-d"],
                                stdout=subprocess.PIPE, text=True, bufsize=1)
    lines = iter(listener.stdout.readline, "")
    assert any("SUBACK" in line for line in lines)
    subscribe(hub, f"mqtt://127.0.0.1:{broker.port}/out/levels",
              endpoint={"notifierInfo": [{"key": "MQTT-QoS", "value": "1"}],
                        "receiverInfo": [{"key": "site", "value": "daping"}]})
    put(hub, sensor(1, level=3))
    line = next(line for line in lines if line.startswith("out/levels "))
    message = json.loads(line.removeprefix("out/levels "))
    assert message["metadata"]["Content-Type"] == "application/json" and message["metadata"]["site"] == "daping"
    assert message["body"]["data"][0]["level"]["value"] == 3
    assert listener.wait(10) == 0


def test_many_subscriptions(hub, receiver):
    for n in range(300):
        subscribe(hub, receiver.url, entities=[{"type": f"Kind{n}"}])
    put(hub, *[sensor(n, kind=f"Kind{n}", level=n) for n in range(300)])
    seen = receiver.wait(300)
    assert {e["level"]["value"] for e in seen} == set(range(300)) and len(seen) == 300
    page = hub.get(PATH + "?limit=100&offset=250&count=true")
    assert len(page.json) == 50 and page.headers["NGSILD-Results-Count"] == "300"


def test_the_same_id_twice(hub, receiver):
    subscribe(hub, receiver.url, id="urn:ngsi-ld:Subscription:mine", entities=[{"type": "Sensor"}])
    subscribe(hub, receiver.url, id="urn:ngsi-ld:Subscription:mine", entities=[{"type": "Sensor"}], expect=409)


@pytest.mark.parametrize("change", [
    {"type": "Sub"}, {"entities": []}, {"entities": None}, {"entities": [{"id": "no uri"}]}, {"q": "a=="}, {"scopeQ": "/"},
    {"geoQ": {"georel": "near"}}, {"watchedAttributes": []}, {"notificationTrigger": ["sometimes"]}, {"throttling": 0},
    {"throttling": -1}, {"timeInterval": "x"}, {"timeInterval": 5, "throttling": 5}, {"expiresAt": "tomorrow"},
    {"isActive": "yes"}, {"unknown": 1}, {"notification": None}, {"notification": {"endpoint": {}}},
    {"notification": {"endpoint": {"uri": "ftp://x/y"}}}, {"notification": {"endpoint": {"uri": "mqtt://x"}}},
    {"notification": {"endpoint": {"uri": "http://x/", "accept": "text/html"}}},
    {"notification": {"endpoint": {"uri": "http://x/", "receiverInfo": [{"key": "a\r\nb", "value": "c"}]}}},
    {"notification": {"endpoint": {"uri": "http://x/"}, "format": "xml"}},
    {"notification": {"endpoint": {"uri": "http://x/"}, "format": 5}},
    {"notification": {"endpoint": {"uri": "http://x/"}, "format": "keyValues", "showChanges": True}},
    {"notification": {"endpoint": {"uri": "http://x/"}, "showChanges": "yes"}},
    {"notification": {"endpoint": {"uri": "http://x/"}, "join": "sideways"}},
    {"notification": {"endpoint": {"uri": "http://x/"}, "join": "flat", "joinLevel": 0}},
    {"notification": {"endpoint": {"uri": "http://x/"}, "join": "flat", "joinLevel": 1.5}},
    {"notification": {"endpoint": {"uri": "http://x/"}, "pick": []}}, {"notification": {"endpoint": {"uri": "http://x/"}, "omit": "a"}},
    {"notification": {"endpoint": {"uri": "http://x/"}, "pick": ["a{b}"]}},
    {"notification": {"endpoint": {"uri": "http://x/"}, "attributes": []}},
    {"notification": {"endpoint": {"uri": "http://x/"}, "surprise": 1}},
    {"notification": {"endpoint": {"uri": "http://x/", "timeout": 0}}}, {"notification": {"endpoint": {"uri": "http://x/", "cooldown": "1"}}},
    {"notification": {"endpoint": {"uri": "http://x/", "surprise": 1}}}, {"notification": {"endpoint": {"uri": "sse:"}}, "throttling": 1},
    {"csf": "a=="}, {"csf": 5}, {"temporalQ": {"timerel": "before", "timeAt": "2026-01-01T00:00:00Z"}}, {"datasetId": []},
    {"datasetId": "urn:a:b"}, {"datasetId": ["no uri"]}, {"ngsildConformance": "new"}, {"ngsildConformance": "0.9"}, {"lang": 5},
    {"expandValues": ["a"]}, {"jsonKeys": 1}, {"description": 1}, {"subscriptionName": {}}, {"localOnly": "x"}, {"splitEntities": 1},
    {"notificationTrigger": []}, {"notificationTrigger": "entityCreated"}, {"timeInterval": 5, "watchedAttributes": ["a"]},
    {"timeInterval": 5, "entities": None, "watchedAttributes": None}, {"jsonldContext": 5}, {"id": "no uri"}, {"id": 5},
])
def test_mistakes_are_named(hub, change):
    good = {"type": "Subscription", "entities": [{"type": "Sensor"}], "notification": {"endpoint": {"uri": "http://x/"}}}
    body = {k: v for k, v in {**good, **change}.items() if v is not None}
    answer = hub.post(PATH, body)
    assert answer.status == 400 and answer.json["detail"], answer
    assert hub.get(PATH).json == []
