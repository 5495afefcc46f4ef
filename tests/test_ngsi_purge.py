# SPDX-License-Identifier: Apache-2.0
"""Purging: DELETE /entities with a query (5.6.21, 6.4.3.3)."""
import pytest

from conftest import wait_for
from test_subscriptions import Receiver

E = "/ngsi-ld/v1/entities"
BATCH = "/ngsi-ld/v1/entityOperations"


def ident(n, kind="Gauge"):
    return f"urn:ngsi-ld:{kind}:{n}"


def gauge(n):
    return {"id": ident(n), "type": "Gauge", "scope": f"/a/s{n % 2}", "level": n, "name": f"g{n}",
            "refValve": {"type": "Relationship", "object": ident(1, "Valve")},
            "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [106.5 + n / 100, 29.5]}}}


@pytest.fixture
def gauges(hub):
    batch = [gauge(n) for n in range(10)] + [{"id": ident(1, "Valve"), "type": "Valve", "open": True}]
    assert hub.post(f"{BATCH}/create", batch).status == 201
    return hub


def left(hub, kind="Gauge"):
    return [int(e["id"].split(":")[-1]) for e in hub.get(f"{E}?type={kind}&limit=1000&pick=id").json]


@pytest.mark.parametrize("query, expected", [
    ("type=Gauge", []), ("type=Gauge&q=level>=3", [0, 1, 2]), ("q=level<3", [3, 4, 5, 6, 7, 8, 9]),
    (f"type=Gauge&id={ident(1)},{ident(3)},{ident(77)}", [0, 2, 4, 5, 6, 7, 8, 9]), ("type=Gauge&idPattern=[0-4]$", [5, 6, 7, 8, 9]),
    ("type=Gauge&scopeQ=/a/s0", [1, 3, 5, 7, 9]), ("type=Nothing", list(range(10))), (f"local=true&id={ident(0)}", list(range(1, 10))),
    ("georel=near;maxDistance==1500&geometry=Point&coordinates=[106.5,29.5]", [2, 3, 4, 5, 6, 7, 8, 9]),
])
def test_deletes_what_the_query_finds(gauges, query, expected):
    answer = gauges.delete(f"{E}?{query}")
    assert answer.status == 204 and answer.body == b"" and left(gauges) == expected and left(gauges, "Valve") == [1]


def test_everything(gauges):
    assert gauges.delete(f"{E}?local=true").status == 204
    assert gauges.get("/ngsi-ld/v1/types").json["typeList"] == []


def test_all_types_by_the_asterisk(gauges):
    assert gauges.delete(f"{E}?type=*").status == 204 and left(gauges) == [] and left(gauges, "Valve") == []


def members(hub, n):
    return set(hub.get(f"{E}/{ident(n)}").json) - {"id", "type"}


def test_drop(gauges):
    assert gauges.delete(f"{E}?type=Gauge&q=level<5&drop=name,location").status == 204
    assert members(gauges, 2) == {"scope", "level", "refValve"} and members(gauges, 7) == {"scope", "level", "name", "refValve", "location"}
    assert gauges.delete(f"{E}?drop=scope,level").status == 204  # without a type: all that have one of them
    assert members(gauges, 7) == {"name", "refValve", "location"} and members(gauges, 2) == {"refValve"}
    assert gauges.delete(f"{E}?drop=nothing").status == 204


def test_keep(gauges):
    assert gauges.delete(f"{E}?type=Gauge&q=level<5&keep=name,level").status == 204
    assert members(gauges, 2) == {"scope", "level", "name"} and members(gauges, 7) == {"scope", "level", "name", "refValve", "location"}
    assert gauges.get(f"{E}?georel=near;maxDistance==100&geometry=Point&coordinates=[106.52,29.5]").json == []  # the index too


def test_names_are_expanded(gauges):
    context = gauges.post("/ngsi-ld/v1/jsonldContexts", {"@context": {"G": "https://x.org/G", "v": "https://x.org/v"}}).headers["Location"]
    link = {"Link": f'<{gauges.url}{context}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'}
    assert gauges.post(E, {"id": "urn:ngsi-ld:G:1", "type": "G", "v": 1, "w": 2}, headers=link).status == 201
    assert gauges.delete(f"{E}?type=G").status == 204 and gauges.entity("urn:ngsi-ld:G:1")  # another G
    assert gauges.delete(f"{E}?type=G&q=v==1&drop=v", headers=link).status == 204
    assert set(gauges.entity("urn:ngsi-ld:G:1", headers=link)) == {"id", "type", "w"}
    assert gauges.delete(f"{E}?type=G", headers=link).status == 204 and gauges.entity("urn:ngsi-ld:G:1") is None


@pytest.mark.parametrize("query", [
    "", f"id={ident(1)}", "idPattern=.*", "scopeQ=/a/s0", "keep=name", "type=Gauge&id=nonsense", "type=Gauge&q=level>", "type=Gauge&georel=near",
    "type=Gauge&keep=a&drop=b", "type=Gauge&q=refValve{Valve:open==true}", "type=Gauge&drop=refValve{open}", "type=Gauge&keep=refValve{open}",
    "type=Gauge&colour=red", "type=Gauge&local=perhaps", "type=Gauge&idPattern=(", "type=Gauge&drop=", "type=(",
])
def test_refused(gauges, query):
    for language in ("en", "zh"):
        answer = gauges.delete(f"{E}?{query}", headers={"Accept-Language": language})
        assert answer.status == 400 and answer.json["detail"], answer
    assert left(gauges) == list(range(10)) and members(gauges, 2) == {"scope", "level", "name", "refValve", "location"}


def test_a_big_one_lets_others_write_and_is_logged(hub):
    for start in range(0, 6000, 2000):
        assert hub.post(f"{BATCH}/create", [{"id": ident(n), "type": "Gauge", "level": n} for n in range(start, start + 2000)]).status == 201
    before = hub.get("/healthz").json["logEnd"]
    assert hub.delete(f"{E}?type=Gauge&q=level>=10").status == 204
    assert left(hub) == list(range(10)) and hub.get("/healthz").json["logEnd"] == before + 5990


def test_subscriptions_hear_of_it(gauges):
    receiver = Receiver()
    for trigger in ("entityDeleted", "attributeDeleted"):
        assert gauges.post("/ngsi-ld/v1/subscriptions", {
            "type": "Subscription", "entities": [{"type": "Gauge"}], "notificationTrigger": [trigger],
            "notification": {"endpoint": {"uri": receiver.url}}}).status == 201
    assert gauges.delete(f"{E}?q=level==3&drop=name").status == 204
    wait_for("the attribute's deletion", lambda: [e["id"] for e in receiver.entities()] == [ident(3)])
    assert gauges.delete(f"{E}?q=level==4").status == 204
    wait_for("the entity's deletion", lambda: ident(4) in [e["id"] for e in receiver.entities()])
    receiver.close()


def test_in_a_tenant(gauges):
    north = {"NGSILD-Tenant": "north"}
    assert gauges.post(E, gauge(5), headers=north).status == 201
    assert gauges.delete(f"{E}?type=Gauge", headers=north).status == 204
    assert gauges.get(f"{E}?type=Gauge", headers=north).json == [] and left(gauges) == list(range(10))
