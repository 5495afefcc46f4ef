# SPDX-License-Identifier: Apache-2.0
"""Readings over a real mosquitto: what they become, what is refused, and that nothing acknowledged is lost."""
import json
import os
import re
import secrets
import socket
import struct
import subprocess

import pytest

from conftest import wait_for

PACK = """
pack: {name: p, version: 1.0.0, title: P}
types:
  Gauge:
    title: Gauge
    attributes:
      name: {title: Name, value: text}
      level: {title: Level, value: number, unit_code: MTR}
      state: {title: State, value: text}
      location: {title: Place, kind: GeoProperty}
inputs:
  - name: readings
    topic: "zs/{area}/{gauge}/reading"
    id: "urn:ngsi-ld:Gauge:{gauge}"
    type: Gauge
    scope: "/{area}"
    time: {from: ts}
    attributes:
      name: {from: gauge, value: text, fixed: true}
      level: {from: level, unit: MTR, decimals: 2, min: 0, max: 20}
      state: {value: text}
      location: {lon: lon, lat: lat}
"""
ID = "urn:ngsi-ld:Gauge:"


@pytest.fixture
def pack(tmp_path):
    path = tmp_path / "packs" / "p"
    path.mkdir(parents=True)
    (path / "pack.yaml").write_text(PACK)
    return path


def received(hub):
    return hub.get("/api/v1/inputs").json["items"][0]["received"]


def rejections(hub, query=""):
    return hub.get("/api/v1/rejections" + query).json


def test_a_reading_becomes_an_entity(make_hub, broker, pack):
    hub = make_hub(packs=[pack], mqtt=broker)
    broker.publish("zs/river/g1/reading", {"ts": "2026-03-01T08:00:00+08:00", "level": 1.239, "lon": 106.5, "lat": 29.5})
    entity = wait_for("the entity", lambda: hub.entity(ID + "g1"))
    assert entity["level"] == {"type": "Property", "value": 1.24, "unitCode": "MTR", "observedAt": "2026-03-01T00:00:00Z"}
    assert entity["name"] == {"type": "Property", "value": "g1"}
    assert entity["location"]["value"]["coordinates"] == [106.5, 29.5]
    assert entity["scope"] in ("/river", ["/river"])


def test_an_older_reading_goes_to_the_history_only(make_hub, broker, pack):
    hub = make_hub(packs=[pack], mqtt=broker)
    broker.publish("zs/a/g/reading", {"ts": "2026-03-01T02:00:00Z", "level": 2}, {"ts": "2026-03-01T01:00:00Z", "level": 1})
    wait_for("both", lambda: received(hub) == 2)
    assert hub.entity(ID + "g")["level"]["value"] == 2
    points = hub.get(f"/ngsi-ld/v1/temporal/entities/{ID}g?attrs=level&options=temporalValues").json["level"]["values"]
    assert sorted(p[0] for p in points) == [1, 2]


BAD = {
    "broken JSON": ("zs/a/b/reading", '{"level": 1', "JSON"),
    "no object": ("zs/a/b/reading", "[1, 2]", "no JSON object"),
    "deep nesting": ("zs/a/b/reading", '{"level":' + "[" * 5000 + "]" * 5000 + "}", ""),
    "huge": ("zs/a/b/reading", '{"state": "' + "x" * 900000 + '"}', "time is missing"),
    "too large": ("zs/a/b/reading", '{"state": "' + "x" * 1100000 + '"}', "bytes, more than 1048576"),
    "no time": ("zs/a/b/reading", '{"level": 1}', "time is missing"),
    "impossible time": ("zs/a/b/reading", '{"level": 1, "ts": "2026-02-30T00:00:00Z"}', "no time of the expected form"),
    "future": ("zs/a/b/reading", '{"level": 1, "ts": "2300-01-01T00:00:00Z"}', "future"),
    "not a number": ("zs/a/b/reading", '{"level": "NaN", "ts": "2026-03-01T00:00:00Z"}', "no number"),
    "NaN": ("zs/a/b/reading", '{"level": NaN, "ts": "2026-03-01T00:00:00Z"}', "JSON"),
    "out of range": ("zs/a/b/reading", '{"level": 21, "ts": "2026-03-01T00:00:00Z"}', "outside 0 to 20"),
    "impossible place": ("zs/a/b/reading", '{"lon": 200, "lat": 3, "ts": "2026-03-01T00:00:00Z"}', "no place on earth"),
    "no value": ("zs/a/b/other", '{"ts": "2026-03-01T00:00:00Z"}', "no input of any pack"),
}


def test_bad_messages_are_listed_with_their_reason_and_change_nothing(make_hub, broker, pack):
    hub = make_hub(packs=[pack], mqtt=broker)
    for n, (name, (topic, payload, _)) in enumerate(BAD.items()):
        broker.publish(topic.replace("/a/", f"/case{n}/"), payload)
    wait_for("all of them", lambda: rejections(hub)["total"] == len(BAD))
    for n, (name, (topic, _, reason)) in enumerate(BAD.items()):
        items = rejections(hub, f"?q=case{n}/")["items"]
        assert len(items) == 1 and reason in items[0]["reason"]["en"] and items[0]["reason"]["zh"], (name, items)
    assert all(len(i["payload"]) < 3000 for i in rejections(hub)["items"])
    changed = hub.entity(ID + "b")
    assert changed is None or "level" not in changed and "location" not in changed
    broker.publish("zs/a/g/reading", {"ts": "2026-03-01T02:00:00Z", "level": 2})
    wait_for("the next good one", lambda: hub.entity(ID + "g"))


def test_a_bad_attribute_does_not_spoil_the_others(make_hub, broker, pack):
    hub = make_hub(packs=[pack], mqtt=broker)
    broker.publish("zs/a/g/reading", {"ts": "2026-03-01T02:00:00Z", "level": -1, "state": "<b>'; DROP TABLE entity;--"})
    entity = wait_for("the entity", lambda: hub.entity(ID + "g"))
    assert entity["state"]["value"] == "<b>'; DROP TABLE entity;--" and "level" not in entity
    item = rejections(hub)["items"][0]
    assert item["partial"] and item["attributes"] == ["level"]
    text = hub.get("/api/v1/rejections?format=csv").text
    assert text.startswith("\ufeffat,input,topic") and "zs/a/g/reading" in text


def test_pages_and_filters_of_rejections(make_hub, broker, pack):
    hub = make_hub(packs=[pack], mqtt=broker)
    broker.publish("zs/a/g/reading", *[{"n": n} for n in range(25)])
    wait_for("all of them", lambda: rejections(hub)["total"] == 25)
    page = rejections(hub, "?limit=10&offset=20")
    assert page["total"] == 25 and [json.loads(i["payload"])["n"] for i in page["items"]] == [4, 3, 2, 1, 0]
    assert rejections(hub, "?input=readings&limit=0")["total"] == 25
    assert rejections(hub, "?input=nobody")["total"] == 0
    assert rejections(hub, "?to=2020-01-01T00:00:00Z")["total"] == 0
    assert hub.get("/api/v1/rejections?limit=-1").status == 400


def test_the_broker_may_go_away_and_come_back(make_hub, broker, pack):
    hub = make_hub(packs=[pack], mqtt=broker)
    broker.publish("zs/a/g/reading", {"ts": "2026-03-01T02:00:00Z", "level": 1})
    wait_for("the first", lambda: received(hub) == 1)
    broker.stop()
    wait_for("the loss", lambda: not hub.get("/api/v1/inputs").json["broker"]["connected"])
    assert hub.get("/api/v1/inputs").json["broker"]["reason"]
    broker.start()
    wait_for("the connection", lambda: hub.get("/api/v1/inputs").json["broker"]["connected"])
    broker.publish("zs/a/g/reading", {"ts": "2026-03-01T03:00:00Z", "level": 2})
    wait_for("the second", lambda: hub.entity(ID + "g")["level"]["value"] == 2)


def connected(hub):
    return hub.get("/api/v1/inputs").json["broker"]["connected"]


def many(hub):
    return int(hub.get("/ngsi-ld/v1/entities?type=Gauge&count=true&limit=0").headers["NGSILD-Results-Count"])


def publish_many(broker, count):
    lines = [f"zs/a/g{n}/reading" for n in range(count)]
    wire = Wire(broker, "sender")
    for n, topic in enumerate(lines):
        wire.publish(topic, b'{"ts": "2026-03-01T02:00:00Z", "level": 1}', n + 1)
    for _ in lines:
        assert wire.packet()[0] == 0x40
    wire.socket.close()


class Wire:
    """A bare MQTT client, which acknowledges nothing."""

    def __init__(self, broker, name):
        self.socket = socket.create_connection(("127.0.0.1", broker.port), timeout=20)
        self.file = self.socket.makefile("rb")
        self.send(0x10, b"\0\x04MQTT\x04\0\0\x3c" + struct.pack(">H", len(name)) + name.encode())
        kind, body = self.packet()
        assert kind == 0x20 and body[1] == 0

    def send(self, kind, body):
        assert len(body) < 16384
        length = bytes([len(body)]) if len(body) < 128 else bytes([len(body) % 128 | 128, len(body) // 128])
        self.socket.sendall(bytes([kind]) + length + body)

    def packet(self):
        kind, length, shift = self.file.read(1)[0], 0, 0
        while True:
            byte = self.file.read(1)[0]
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return kind, self.file.read(length)

    def publish(self, topic, payload, number):
        self.send(0x32, struct.pack(">H", len(topic)) + topic.encode() + struct.pack(">H", number) + payload)


def test_a_broker_that_goes_away_in_the_middle_of_a_stream(make_hub, broker, pack):
    hub = make_hub("--fsync-delay", "250000", packs=[pack], mqtt=broker)
    wait_for("the connection", lambda: connected(hub))
    in_the_middle = 0
    for n in range(3):
        publish_many(broker, 1500 * (n + 1))
        broker.stop()
        in_the_middle += many(hub) < 1500 * (n + 1)
        wait_for("the loss", lambda: not connected(hub))
        broker.start()
        wait_for("the connection", lambda: connected(hub))
    assert in_the_middle
    wait_for("all of them", lambda: many(hub) == 4500)
    assert rejections(hub)["total"] == 0


def test_a_hub_that_starts_before_its_broker(make_hub, broker, pack):
    broker.stop()
    hub = make_hub(packs=[pack], mqtt=broker)
    state = hub.get("/api/v1/inputs").json["broker"]
    assert not state["connected"] and hub.get("/healthz").status == 200
    broker.start()
    wait_for("the connection", lambda: connected(hub))
    broker.publish("zs/a/g/reading", {"ts": "2026-03-01T02:00:00Z", "level": 1})
    wait_for("the reading", lambda: hub.entity(ID + "g"))


def test_a_thief_of_the_session_gets_no_message_lost(make_hub, broker, pack):
    hub = make_hub("--fsync-delay", "250000", packs=[pack], mqtt=broker)
    wait_for("the connection", lambda: connected(hub))
    log = (broker.folder / "mosquitto.log").read_text()
    name = re.search(r"as (zhongshu-\w+)", log).group(1)
    publish_many(broker, 1000)
    for _ in range(3):
        Wire(broker, name).socket.close()
    publish_many(broker, 2000)
    wait_for("all of them", lambda: many(hub) == 2000)
    assert rejections(hub)["total"] == 0 and connected(hub)


def test_messages_wait_at_the_broker_while_the_hub_is_away(make_hub, broker, pack):
    hub = make_hub(packs=[pack], mqtt=broker)
    wait_for("the subscription", lambda: hub.get("/api/v1/inputs").json["broker"]["connected"])
    broker.publish("zs/a/g/reading", {"ts": "2026-03-01T00:00:00Z", "level": 0})
    wait_for("the first", lambda: received(hub) == 1)
    hub.kill()
    broker.publish("zs/a/g/reading", *[{"ts": f"2026-03-01T01:00:{n:02}Z", "level": n / 10} for n in range(60)])
    hub.start()
    wait_for("the last", lambda: hub.entity(ID + "g")["level"]["observedAt"] == "2026-03-01T01:00:59Z")
    answer = hub.get(f"/ngsi-ld/v1/temporal/entities/{ID}g?attrs=level&options=temporalValues&lastN=1000").json
    assert len(answer["level"]["values"]) == 61


def test_killed_again_and_again_nothing_is_lost_and_nothing_listed_twice(make_hub, broker, pack):
    hub = make_hub(packs=[pack], mqtt=broker)
    wait_for("the subscription", lambda: hub.get("/api/v1/inputs").json["broker"]["connected"])
    good, bad = 3000, 200
    for n in range(6):
        messages = [{"ts": f"2026-03-{n + 1:02}T{i // 60 % 24:02}:{i % 60:02}:{i // 1440:02}Z", "level": i % 20}
                    for i in range(good // 6)]
        broken = [f"broken {n} {i}" for i in range(bad // 5 if n < 5 else 0)]
        broker.publish("zs/a/g/reading", *messages, *broken)
        hub.kill()
        hub.start()
    wait_for("all the broken", lambda: rejections(hub)["total"] >= bad)
    broker.publish("zs/a/last/reading", {"ts": "2026-03-01T00:00:00Z", "level": 1})
    wait_for("the last", lambda: hub.entity(ID + "last"))
    listed = [i["payload"] for i in rejections(hub, "?limit=1000")["items"]]
    assert len(listed) == len(set(listed)) == bad
    answer = hub.get(f"/ngsi-ld/v1/temporal/entities/{ID}g?attrs=level&options=temporalValues&lastN=10000").json
    assert len({v[1] for v in answer["level"]["values"]}) == good


def test_inputs_change_while_the_hub_runs(make_hub, broker, pack):
    hub = make_hub(packs=[pack], mqtt=broker)
    (pack / "more.yaml").write_text("""
inputs:
  - {name: states, topic: "other/{gauge}", id: "urn:ngsi-ld:Gauge:{gauge}", type: Gauge, attributes: {state: {value: text}}}
""")
    wait_for("the new input", lambda: hub.get("/api/v1/inputs").json["total"] == 2)
    wait_for("the connection", lambda: hub.get("/api/v1/inputs").json["broker"]["connected"])

    def sent_and_there():
        broker.publish("other/g7", {"state": "open"})
        return hub.entity(ID + "g7")
    assert wait_for("the entity", sent_and_there)["state"]["value"] == "open"


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_with_a_full_disk_the_broker_keeps_the_messages(tmp_path, make_hub, broker, pack):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=5m", "tmpfs", str(disk)], check=True)
    try:
        hub = make_hub(folder=disk, packs=[pack], mqtt=broker)
        count = 600
        broker.publish("zs/a/g/reading", *[{"ts": f"2026-03-01T00:{n // 60:02}:{n % 60:02}Z", "level": n % 20,
                                            "state": secrets.token_hex(9000)} for n in range(count)])
        state = wait_for("the store to refuse", lambda: (b := hub.get("/api/v1/inputs").json["broker"])["holding"] and b)
        assert "full" in state["holdReason"]
        subprocess.run(["mount", "-o", "remount,size=200m", str(disk)], check=True)
        wait_for("all of them", lambda: received(hub) >= count)
        answer = hub.get(f"/ngsi-ld/v1/temporal/entities/{ID}g?attrs=level&options=temporalValues&lastN=1000").json
        assert len(answer["level"]["values"]) == count
        assert not hub.get("/api/v1/inputs").json["broker"]["holding"]
        hub.stop()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
