# SPDX-License-Identifier: Apache-2.0
"""Transient entities and attributes: expiresAt (4.22, 4.8, 6.3.11)."""
import datetime
import time

import pytest

from conftest import wait_for
from test_subscriptions import Receiver

E = "/ngsi-ld/v1/entities"
ID = "urn:ngsi-ld:T:1"
BATCH = "/ngsi-ld/v1/entityOperations"
FAR = "2999-01-01T00:00:00Z"


def soon(seconds=1.5):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def wait_until(text):
    at = datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    while time.time() <= at:
        time.sleep(0.01)


def shown(hub, query="options=sysAttrs"):
    return hub.get(f"{E}/{ID}?{query}").json


def test_shown_as_a_system_attribute(hub):
    assert hub.post(E, {"id": ID, "type": "T", "expiresAt": "2999-01-01T08:00:00+08:00", "a": 1,
                        "b": {"type": "Property", "value": 2, "expiresAt": FAR}}).status == 201
    entity = shown(hub)
    assert entity["expiresAt"] == FAR and entity["b"]["expiresAt"] == FAR and "expiresAt" not in entity["a"]
    assert "expiresAt" not in shown(hub, "") and "expiresAt" not in shown(hub, "")["b"]
    assert shown(hub, "options=keyValues")["b"] == 2 and shown(hub, "options=concise")["b"] == 2
    assert shown(hub, "options=concise,sysAttrs")["b"]["expiresAt"] == FAR
    assert hub.get(f"{E}?type=T&options=sysAttrs").json[0]["expiresAt"] == FAR
    assert [e["id"] for e in hub.get(f"{E}?type=T&q=expiresAt>2990-01-01T00:00:00Z").json] == [ID]


@pytest.mark.parametrize("how", ["entity", "attribute", "instance"])
def test_gone_at_its_time_even_before_the_sweep(hub, how):
    at = soon()
    extra = {"entity": {"expiresAt": at}, "attribute": {"n": {"type": "Property", "value": 7, "expiresAt": at}},
             "instance": {"n": [{"type": "Property", "value": 6}, {"type": "Property", "value": 7, "datasetId": "urn:d:1", "expiresAt": at}]}}[how]
    assert hub.post(E, {"id": ID, "type": "T", "m": 1, "n": 7, **extra}).status == 201
    hub.post(E, {"id": "urn:ngsi-ld:T:2", "type": "T", "n": 1})
    assert hub.entity(ID) and len(hub.get(f"{E}?type=T&q=n==7").json) == 1
    wait_until(at)
    # at once, on every way of reading
    found, counted, by_value, lots = (hub.get(f"{E}/{ID}"), hub.get(f"{E}?type=T&limit=0&count=true"), hub.get(f"{E}?type=T&q=n==7"),
                                      hub.post(f"{BATCH}/query", {"type": "Query", "entities": [{"type": "T"}]}))
    assert by_value.json == []
    if how == "entity":
        assert found.status == 404 and counted.headers["NGSILD-Results-Count"] == "1" and len(lots.json) == 1
        assert hub.patch(f"{E}/{ID}/attrs", {"n": 1}).status == 404 and hub.delete(f"{E}/{ID}").status == 404
    else:
        assert found.json["m"]["value"] == 1 and counted.headers["NGSILD-Results-Count"] == "2"
        assert (found.json.get("n") or {}).get("value") == {"attribute": None, "instance": 6}[how]


def test_written_anew_after_its_time(hub):
    at = soon(0.3)
    assert hub.post(E, {"id": ID, "type": "T", "expiresAt": at, "old": 1}).status == 201
    assert hub.post(E, {"id": ID, "type": "T"}).status == 409
    wait_until(at)
    assert hub.post(E, {"id": ID, "type": "T", "new": 1}).status == 201
    assert "old" not in shown(hub) and "expiresAt" not in shown(hub)
    time.sleep(1.5)  # the sweep has been round: the new one is not in its way
    assert shown(hub)["new"]["value"] == 1


def test_time_already_past(hub):
    assert hub.post(E, {"id": ID, "type": "T", "expiresAt": "2001-01-01T00:00:00Z"}).status == 201
    assert hub.get(f"{E}/{ID}").status == 404 and hub.get(f"{E}?type=T").json == []


def test_changing_it(hub):
    assert hub.post(E, {"id": ID, "type": "T", "expiresAt": FAR, "n": {"type": "Property", "value": 1, "expiresAt": FAR}}).status == 201
    assert hub.post(f"{E}/{ID}/attrs", {"m": 1}).status == 204
    assert shown(hub)["expiresAt"] == FAR and shown(hub)["n"]["expiresAt"] == FAR  # what is not given stays
    assert hub.patch(f"{E}/{ID}", {"expiresAt": "2888-01-01T00:00:00Z", "n": {"value": 2}}).status == 204
    assert shown(hub)["expiresAt"] == "2888-01-01T00:00:00Z" and shown(hub)["n"]["expiresAt"] == FAR
    assert hub.patch(f"{E}/{ID}/attrs/n", {"expiresAt": "2777-01-01T00:00:00Z"}).status == 204
    assert shown(hub)["n"]["expiresAt"] == "2777-01-01T00:00:00Z" and shown(hub)["n"]["value"] == 2
    assert hub.patch(f"{E}/{ID}", {"expiresAt": "urn:ngsi-ld:null", "n": {"type": "Property", "expiresAt": "urn:ngsi-ld:null"}}).status == 204
    assert "expiresAt" not in shown(hub) and "expiresAt" not in shown(hub)["n"]
    assert hub.put(f"{E}/{ID}", {"type": "T", "expiresAt": FAR}).status == 204 and shown(hub)["expiresAt"] == FAR
    assert hub.put(f"{E}/{ID}", {"type": "T"}).status == 204 and "expiresAt" not in shown(hub)
    upsert = [{"id": ID, "type": "T", "expiresAt": FAR, "n": 1}]
    assert hub.post(f"{BATCH}/upsert?options=update", upsert).status == 204 and shown(hub)["expiresAt"] == FAR
    assert hub.post(f"{BATCH}/upsert", [{"id": ID, "type": "T"}]).status == 204 and "expiresAt" not in shown(hub)
    assert hub.put(f"{E}/{ID}", {"type": "T", "n": {"type": "Property", "value": 1, "expiresAt": FAR}}).status == 204
    assert hub.post(f"{E}/{ID}/attrs", {"n": 5}).status == 204 and "expiresAt" not in shown(hub)["n"]  # replaced whole


def test_put_off_in_time(hub):
    at = soon(1)
    assert hub.post(E, {"id": ID, "type": "T", "expiresAt": at}).status == 201
    assert hub.patch(f"{E}/{ID}", {"expiresAt": FAR}).status == 204
    wait_until(at)
    time.sleep(1.5)
    assert hub.entity(ID)


@pytest.mark.parametrize("body", [
    {"expiresAt": "tomorrow"}, {"expiresAt": 5}, {"expiresAt": None}, {"expiresAt": "2999-01-01"}, {"expiresAt": {"value": FAR}},
    {"expiresAt": "urn:ngsi-ld:null"}, {"n": {"value": 1, "expiresAt": "soon"}}, {"n": {"value": 1, "expiresAt": [FAR]}},
])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_bad_times(hub, body, language):
    answer = hub.post(E, {"id": ID, "type": "T", **body}, headers={"Accept-Language": language})
    assert answer.status == 400 and "expiresAt" in answer.json["detail"], answer
    assert hub.get(f"{E}?type=T").json == []


def test_not_below_attributes(hub):
    answer = hub.post(E, {"id": ID, "type": "T", "n": {"value": 1, "sub": {"value": 2, "expiresAt": FAR}}})
    assert answer.status == 422 and "attributes of attributes" in answer.json["detail"]


def test_subscriptions_hear_of_the_deletion(hub):
    entities, attributes = Receiver(), Receiver()
    for trigger, receiver in (("entityDeleted", entities), ("attributeDeleted", attributes)):
        assert hub.post("/ngsi-ld/v1/subscriptions", {
            "type": "Subscription", "entities": [{"type": "T"}], "notificationTrigger": [trigger],
            "notification": {"endpoint": {"uri": receiver.url}}}).status == 201
    assert hub.post(E, {"id": ID, "type": "T", "expiresAt": soon(0.5)}).status == 201
    assert hub.post(E, {"id": "urn:ngsi-ld:T:2", "type": "T", "m": 1, "n": {"value": 1, "expiresAt": soon(0.5)}}).status == 201
    gone = entities.wait(1)[0]
    assert gone["id"] == ID and gone["deletedAt"].endswith("Z")
    wait_for("the attribute's deletion", lambda: "urn:ngsi-ld:T:2" in [e["id"] for e in attributes.entities()])
    entities.close()
    attributes.close()


def test_the_sweep_leaves_nothing_behind(hub):
    at = soon(0.5)
    assert hub.post(f"{BATCH}/create", [{"id": f"urn:ngsi-ld:T:{n}", "type": "T", "expiresAt": at} for n in range(1200)]).status == 201
    wait_for("1,200 deletions in the log", lambda: hub.get("/healthz").json["logEnd"] == 2400)
    assert hub.get("/ngsi-ld/v1/types").json["typeList"] == []


def test_a_restart_sweeps_what_expired_meanwhile(make_hub):
    hub = make_hub()
    at = soon(0.5)
    assert hub.post(E, {"id": ID, "type": "T", "expiresAt": at}, headers={}).status == 201
    assert hub.post(E, {"id": ID, "type": "T", "expiresAt": at}, headers={"NGSILD-Tenant": "north"}).status == 201
    hub.kill()
    wait_until(at)
    hub.start()
    assert hub.get(f"{E}/{ID}").status == 404 and hub.get(f"{E}/{ID}", headers={"NGSILD-Tenant": "north"}).status == 404
    wait_for("the deletion in the log", lambda: hub.get("/healthz").json["logEnd"] == 2)


def test_the_index_of_places_forgets_it(hub):
    at = soon(0.5)
    place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [106.5, 29.5]}, "expiresAt": at}
    assert hub.post(E, {"id": ID, "type": "T", "location": place}).status == 201
    near = f"{E}?type=T&georel=near;maxDistance==10&geometry=Point&coordinates=[106.5,29.5]"
    assert len(hub.get(near).json) == 1
    wait_until(at)
    assert hub.get(near).json == []
    wait_for("the deletion in the log", lambda: hub.get("/healthz").json["logEnd"] == 2)
    assert hub.get(near).json == [] and hub.entity(ID)
