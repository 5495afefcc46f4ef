# SPDX-License-Identifier: Apache-2.0
"""How subscriptions fare: the list for people, the last attempts, and why a notification was (not) sent."""
import csv
import io

import pytest

from conftest import free_port, wait_for
from test_subscriptions import ENTITIES, PATH, Receiver, put, receiver, sensor, subscribe  # noqa: F401
from test_subscriptions_isolation import attempts

STATE = "/api/v1/subscriptions"
ONE = "urn:ngsi-ld:Sensor:1"


def why(hub, identifier, entity=ONE, language="en", **more):
    query = "".join(f"&{k}={v}" for k, v in more.items())
    answer = hub.get(f"{STATE}/{identifier}/why?entity={entity}{query}", headers={"Accept-Language": language})
    assert answer.status == 200, answer
    return answer.json


def condition(answer, name):
    return next((c for c in answer["conditions"] if c["name"] == name), None)


def test_sent(hub, receiver):
    identifier = subscribe(hub, receiver.url, q="level>5", entities=[{"type": "Sensor"}])
    put(hub, sensor(1, level=9))
    receiver.wait(1)
    answer = wait_for("the delivery", lambda: (a := why(hub, identifier))["verdict"] == "sent" and a)
    assert answer["delivery"]["outcome"] == "ok" and answer["delivery"]["status"] == 200 and answer["changed"] == ["level"]
    assert all(c["holds"] for c in answer["conditions"])
    assert condition(answer, "q")["seen"] == {"level": 9} and condition(answer, "q")["expected"] == "level>5"
    assert why(hub, identifier, language="zh")["text"] == "端点已接收"
    attempt, = hub.get(f"{STATE}/{identifier}/deliveries").json["items"]
    assert attempt["outcome"] == "ok" and attempt["entities"] == [ONE] and attempt["count"] == 1
    assert attempt["from"] == attempt["to"] == answer["seq"] and attempt["durationMs"] >= 0 and attempt["status"] == 200


@pytest.mark.parametrize("subscription, failing", [
    ({"entities": [{"type": "Pump"}]}, "entities"),
    ({"entities": [{"type": "Sensor", "id": "urn:ngsi-ld:Sensor:2"}]}, "entities"),
    ({"entities": [{"type": "Sensor", "idPattern": "9$"}]}, "entities"),
    ({"watchedAttributes": ["other"]}, "watchedAttributes"),
    ({"q": "level>5"}, "q"),
    ({"scopeQ": "/b"}, "scopeQ"),
    ({"geoQ": {"georel": "near;maxDistance==10", "geometry": "Point", "coordinates": [1, 2]}}, "geoQ"),
    ({"notificationTrigger": ["entityDeleted"]}, "notificationTrigger"),
])
def test_which_condition_does_not_hold(hub, receiver, subscription, failing):
    identifier = subscribe(hub, receiver.url, **{"entities": [{"type": "Sensor"}], **subscription})
    put(hub, {**sensor(1, level=3), "scope": "/a", "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [106, 29]}}})
    answer = why(hub, identifier)
    assert answer["verdict"] == "notConcerned"
    assert [c["name"] for c in answer["conditions"] if not c["holds"]] == [failing]
    assert condition(answer, failing)["text"] and "seen" in condition(answer, failing)
    assert why(hub, identifier, language="zh")["text"] != answer["text"]


def test_an_equal_value(hub, receiver):
    put(hub, sensor(1, level=3))
    identifier = subscribe(hub, receiver.url, entities=[{"type": "Sensor"}])
    before = why(hub, identifier)
    assert before["verdict"] == "before"
    hub.patch(f"{ENTITIES}/{ONE}/attrs", {"level": {"type": "Property", "value": 3}})
    answer = why(hub, identifier)
    assert answer["seq"] > before["seq"] and answer["changed"] == [] and answer["verdict"] == "notConcerned"
    assert "equal" in condition(answer, "notificationTrigger")["text"]
    assert why(hub, identifier, seq=before["seq"])["verdict"] == "before"


def test_a_deleted_entity(hub, receiver):
    identifier = subscribe(hub, receiver.url, notificationTrigger=["entityDeleted"], entities=[{"type": "Sensor"}])
    put(hub, sensor(1, level=3))
    hub.delete(f"{ENTITIES}/{ONE}")
    receiver.wait(1)
    answer = wait_for("the delivery", lambda: (a := why(hub, identifier))["verdict"] == "sent" and a)
    assert answer["op"] == "delete"


def test_failing_and_parked(hub):
    failing = Receiver(answer=503)
    identifier = subscribe(hub, failing.url, endpoint=attempts(2), entities=[{"type": "Sensor"}])
    put(hub, sensor(1, level=3))
    answer = wait_for("a failure", lambda: (a := why(hub, identifier))["verdict"] == "retrying" and a)
    assert answer["delivery"]["status"] == 503 and "503" in answer["failureReason"] and answer["due"]
    parked = wait_for("parking", lambda: (a := why(hub, identifier))["verdict"] == "parked" and a)
    assert "503" in parked["failureReason"]
    row, = hub.get(STATE + "?state=parked").json["items"]
    assert row["id"] == identifier and row["failed"] == 2 and "503" in row["reason"] and row["behind"] >= 1
    failing.answer = 200
    hub.patch(f"{PATH}/{identifier}", {"isActive": True})
    wait_for("the delivery", lambda: why(hub, identifier)["verdict"] == "sent")
    outcomes = [d["outcome"] for d in hub.get(f"{STATE}/{identifier}/deliveries").json["items"]]
    assert outcomes == ["ok", "failed", "failed"]
    failing.close()


def test_paused_and_throttled(hub, receiver):
    paused = subscribe(hub, receiver.url, isActive=False, entities=[{"type": "Sensor"}])
    throttled = subscribe(hub, receiver.url, throttling=3600, entities=[{"type": "Sensor"}])
    periodic = subscribe(hub, receiver.url, timeInterval=3600, entities=[{"type": "Sensor"}])
    put(hub, sensor(1, level=1))
    receiver.wait(1)
    put(hub, sensor(1, level=2))
    assert wait_for("throttling", lambda: (a := why(hub, throttled))["verdict"] == "throttled" and a)["due"]
    wait_for("the paused one", lambda: why(hub, paused)["verdict"] == "paused")
    assert why(hub, periodic)["verdict"] == "interval"


def test_mistakes(hub, receiver):
    identifier = subscribe(hub, receiver.url, entities=[{"type": "Sensor"}])
    put(hub, sensor(1, level=1), sensor(2, level=1))
    seq = why(hub, identifier, entity="urn:ngsi-ld:Sensor:2")["seq"]
    for query, status in (("", 400), ("?entity=", 400), (f"?entity={ONE}&seq=x", 400), (f"?entity={ONE}&seq=0", 400),
                          (f"?entity={ONE}&seq=99999", 404), (f"?entity={ONE}&seq={seq}", 404), ("?entity=urn:no:such", 404)):
        answer = hub.get(f"{STATE}/{identifier}/why{query}")
        assert answer.status == status and answer.json["detail"], (query, answer)
    assert hub.get(f"{STATE}/urn:no:such/why?entity={ONE}").status == 404
    assert hub.get(f"{STATE}/urn:no:such/deliveries").status == 404


def test_the_list(hub, receiver):
    named = subscribe(hub, receiver.url, subscriptionName="水位告警", entities=[{"type": "Sensor"}])
    secret = subscribe(hub, f"mqtt://me:s3cret@127.0.0.1:{free_port()}/out", description="to the broker", entities=[{"type": "Pump"}])
    paused = subscribe(hub, receiver.url, isActive=False, entities=[{"type": "Street"}])
    put(hub, sensor(1, level=1))
    wait_for("the count", lambda: hub.get(STATE + "?q=水位").json["items"][0]["sent"] == 1)
    body = hub.get(STATE).json
    assert body["total"] == 3 and body["states"] == {"active": 2, "paused": 1}
    assert [r["id"] for r in hub.get(STATE + "?state=paused").json["items"]] == [paused]
    assert [r["id"] for r in hub.get(STATE + "?q=pump").json["items"]] == [secret]
    assert [r["id"] for r in hub.get(STATE + "?sort=-sent&limit=1").json["items"]] == [named]
    row = hub.get(STATE + "?q=broker").json["items"][0]
    assert "s3cret" not in str(row) and row["endpoint"].startswith("mqtt://***@")
    assert len(hub.get(STATE + "?limit=2&offset=2").json["items"]) == 1
    assert hub.get(STATE + "?sort=weight").status == 400
    table = hub.get(STATE + "?format=csv&sort=name")
    assert table.headers["Content-Type"].startswith("text/csv") and "s3cret" not in table.text
    rows = list(csv.reader(io.StringIO(table.text.lstrip("\ufeff"))))
    assert rows[0][0] == "id" and len(rows) == 4


def test_the_history_is_bounded(hub, receiver):
    identifier = subscribe(hub, receiver.url, entities=[{"type": "Sensor"}])
    for value in range(30):
        put(hub, sensor(1, level=value))
        wait_for("the delivery", lambda: len(receiver.got) > value)
    body = wait_for("all", lambda: (b := hub.get(f"{STATE}/{identifier}/deliveries").json)["items"][0]["to"] == 30 and b)
    assert len(body["items"]) == 20 and body["since"]
    assert why(hub, identifier, seq=1)["verdict"] == "dealt"


def test_permission(make_hub, tmp_path):
    from conftest import write_password
    hub = make_hub(auth="on", env={"ZHONGSHU_ADMIN_PASSWORD_FILE": str(write_password(tmp_path))})
    for path in (STATE, f"{STATE}/urn:a:b/deliveries", f"{STATE}/urn:a:b/why?entity=urn:a:c"):
        assert hub.get(path).status == 401
