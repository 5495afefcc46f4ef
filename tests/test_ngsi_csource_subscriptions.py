# SPDX-License-Identifier: Apache-2.0
"""Subscriptions to registrations of context sources, and what they are told (5.11, 5.3.2, 6.3.9)."""
import pytest

from conftest import wait_for
from test_ngsi_registrations import PATH as REGISTRATIONS
from test_ngsi_registrations import at, info, register, registration
from test_subscriptions import Receiver

PATH = "/ngsi-ld/v1/csourceSubscriptions"
ROOM = [{"type": "Room"}]


@pytest.fixture
def receiver():
    r = Receiver()
    yield r
    r.close()


def subscription(receiver, **members):
    n = {"endpoint": {"uri": receiver.url, **members.pop("endpoint", {})}, **members.pop("notification", {})}
    return {"type": "Subscription", "entities": ROOM, "notification": n, **members}


def subscribe(hub, receiver, **members):
    answer = hub.post(PATH, subscription(receiver, **members))
    assert answer.status == 201, answer
    return answer.headers["Location"]


def told(receiver):
    """(reason, last part of the id) of each registration that was notified, in order."""
    return [(body["triggerReason"], r["id"].rsplit(":", 1)[1]) for body in list(receiver.got) for r in body["data"]]


def wait_told(receiver, *expected):
    wait_for(f"{expected}, got {told(receiver)}", lambda: len(told(receiver)) >= len(expected), 20)
    assert told(receiver) == list(expected)


def test_made_read_changed_deleted(hub, receiver):
    path = subscribe(hub, receiver, id="urn:s:1", csf='description=="x"', description="d",
                     temporalQ={"timerel": "after", "timeAt": "2026-01-01T00:00:00Z"})
    assert path == f"{PATH}/urn:s:1"
    seen = hub.get(path).json
    assert seen["csf"] == 'description=="x"' and seen["status"] == "active" and seen["temporalQ"]["timerel"] == "after"
    assert [s["id"] for s in hub.get(f"{PATH}?limit=1&count=true").json] == ["urn:s:1"]
    assert hub.get(f"{PATH}?count=true").headers["NGSILD-Results-Count"] == "1"
    assert hub.post(PATH, subscription(receiver, id="urn:s:1")).status == 409
    assert hub.patch(path, {"description": "urn:ngsi-ld:null", "isActive": False}).status == 204
    seen = hub.get(path).json
    assert "description" not in seen and seen["status"] == "paused" and seen["csf"]
    assert hub.patch(path, {"csf": "("}).status == 400 and hub.patch(path, {"id": "urn:s:2"}).status == 400
    assert hub.delete(path).status == 204
    for answer in hub.get(path), hub.delete(path), hub.patch(path, {"isActive": True}):
        assert answer.status == 404 and answer.json["type"].endswith("ResourceNotFound")
    assert hub.get(f"{PATH}/no-uri").status == 400


def test_told_of_what_comes_changes_and_goes(hub, receiver):
    register(hub, id="urn:r:old")
    register(hub, id="urn:r:other", information=[info([{"type": "Hall"}])])
    path = subscribe(hub, receiver)
    wait_told(receiver, ("newlyMatching", "old"))
    first = receiver.got[0]
    assert first["type"] == "ContextSourceNotification" and path.endswith(first["subscriptionId"])
    assert first["notifiedAt"] and first["id"] and first["data"][0]["endpoint"]
    assert receiver.headers[0]["Content-Type"] == "application/json" and "ngsi-ld-core-context" in receiver.headers[0]["Link"]
    so_far = [("newlyMatching", "old")]
    steps = [(lambda: register(hub, id="urn:r:new", information=[info(ROOM), info([{"type": "Cave"}])]), "newlyMatching", "new"),
             (lambda: hub.patch(f"{REGISTRATIONS}/urn:r:old", {"description": "d"}), "updated", "old"),
             (lambda: hub.patch(f"{REGISTRATIONS}/urn:r:other", {"information": [info(ROOM)]}), "newlyMatching", "other"),
             (lambda: hub.patch(f"{REGISTRATIONS}/urn:r:other", {"information": [info([{"type": "Hall"}])]}),
              "noLongerMatching", "other"),
             (lambda: hub.delete(f"{REGISTRATIONS}/urn:r:old"), "noLongerMatching", "old")]
    for step, reason, name in steps:
        step()
        so_far.append((reason, name))
        wait_told(receiver, *so_far)
    new = [r for body in receiver.got for r in body["data"] if r["id"] == "urn:r:new"]
    assert new[0]["information"] == [info(ROOM)]
    assert hub.get(path).json["notification"]["timesSent"] >= 5


def test_what_is_asked_for(hub, receiver):
    wanted = {"entities": [{"type": "Room", "id": "urn:room:1"}], "watchedAttributes": ["t"],
              "notification": {"attributes": ["h"]}, "csf": 'description~="^y"', "scopeQ": "/a/#"}
    subscribe(hub, receiver, **wanted)
    good = {"description": "yes", "scope": "/a/b"}
    register(hub, id="urn:r:attribute", information=[info(ROOM, ["x"])], **good)
    register(hub, id="urn:r:id", information=[info([{"type": "Room", "id": "urn:room:2"}])], **good)
    register(hub, id="urn:r:csf", description="no", scope="/a/b")
    register(hub, id="urn:r:scope", description="yes", scope="/b")
    register(hub, id="urn:r:time", observationInterval={"startAt": "2026-01-01T00:00:00Z"}, **good)
    register(hub, id="urn:r:good", information=[info(ROOM, ["h"])], **good)
    wait_told(receiver, ("newlyMatching", "good"))


def test_expiry_is_told(hub, receiver):
    subscribe(hub, receiver)
    register(hub, id="urn:r:1", expiresAt=at(1.5))
    wait_told(receiver, ("newlyMatching", "1"), ("noLongerMatching", "1"))


def test_change_of_a_subscription(hub, receiver):
    register(hub, id="urn:r:room")
    register(hub, id="urn:r:hall", information=[info([{"type": "Hall"}])])
    path = subscribe(hub, receiver)
    wait_told(receiver, ("newlyMatching", "room"))
    assert hub.patch(path, {"entities": [{"type": "Hall"}]}).status == 204
    wait_for("both to be told", lambda: len(told(receiver)) == 3)
    assert sorted(told(receiver)[1:]) == [("newlyMatching", "hall"), ("noLongerMatching", "room")]


def test_interval(hub, receiver):
    register(hub, id="urn:r:1")
    subscribe(hub, receiver, timeInterval=0.3)
    wait_for("three notifications", lambda: len(told(receiver)) >= 3)
    assert told(receiver)[:3] == [("newlyMatching", "1"), ("updated", "1"), ("updated", "1")]


def test_failure_and_restart(hub, receiver):
    receiver.answer = 500
    path = subscribe(hub, receiver)
    register(hub, id="urn:r:1")
    register(hub, id="urn:r:2")
    wait_for("a failed attempt", lambda: hub.get(path).json["notification"].get("timesFailed", 0) > 0)
    assert hub.get(path).json["notification"]["status"] == "failed"
    hub.delete(f"{REGISTRATIONS}/urn:r:2")
    hub.kill()
    receiver.answer = 200
    hub.start()
    wait_for("all to be told", lambda: sorted(told(receiver)) == [("newlyMatching", "1"), ("noLongerMatching", "2")])
    wait_for("success", lambda: hub.get(path).json["notification"].get("status") == "ok")
    hub.kill()
    hub.start()
    register(hub, id="urn:r:3")
    wait_for("the next one", lambda: ("newlyMatching", "3") in told(receiver))
    assert len(told(receiver)) == 3


def test_ld_and_receiver_info(hub, receiver):
    register(hub, id="urn:r:1")
    subscribe(hub, receiver, endpoint={"accept": "application/ld+json", "receiverInfo": [{"key": "X-A", "value": "b"}]})
    wait_told(receiver, ("newlyMatching", "1"))
    assert receiver.headers[0]["X-A"] == "b" and receiver.headers[0]["Content-Type"] == "application/ld+json"
    assert "ngsi-ld-core-context" in receiver.got[0]["@context"]


def test_tenants_apart(hub, receiver):
    tenant = {"NGSILD-Tenant": "north"}
    assert hub.post(PATH, subscription(receiver), headers=tenant).status == 201
    register(hub, id="urn:r:home")
    assert hub.post(REGISTRATIONS, registration(id="urn:r:north"), headers=tenant).status == 201
    wait_told(receiver, ("newlyMatching", "north"))
    assert receiver.headers[0]["NGSILD-Tenant"] == "north"
    hub.kill()
    hub.start()
    assert hub.delete(f"{REGISTRATIONS}/urn:r:north", headers=tenant).status == 204
    wait_told(receiver, ("newlyMatching", "north"), ("noLongerMatching", "north"))


@pytest.mark.parametrize("members", [{"type": "Subscriptions"}, {"notification": {}}, {"csf": 7}, {"csf": "=="},
                                     {"temporalQ": {"timerel": "after"}}, {"temporalQ": {"timerel": "x", "timeAt": "y"}},
                                     {"entities": []}, {"expiresAt": "2020-01-01T00:00:00Z"}, {"colour": "red"}])
def test_refused(hub, receiver, members):
    answer = hub.post(PATH, {**subscription(receiver), **members})
    assert answer.status == 400 and answer.json["type"].endswith("BadRequestData"), answer
