# SPDX-License-Identifier: Apache-2.0
"""Snapshots: what queries find, frozen (4.3.7, 5.2.41, 5.3.4, 5.5.15, 5.16, 6.3.22, 6.36 – 6.38)."""
import datetime

import pytest

from conftest import program, wait_for
from test_ngsi_expiry import soon, wait_until
from test_subscriptions import Receiver

E = "/ngsi-ld/v1/entities"
S = "/ngsi-ld/v1/snapshots"
SID = "urn:ngsi-ld:Snapshot:one"
IN = {"NGSILD-Snapshot": SID}
FIRST, SECOND = "urn:ngsi-ld:Gauge:1", "urn:ngsi-ld:Gauge:2"


def body(**kw):
    return {"id": SID, "type": "Snapshot", "snapshotQueries": [{"type": "Query", "entities": [{"type": "Gauge"}]}], **kw}


def make(hub, expected="success", headers=None, identifier=SID, **kw):
    answer = hub.post(S, body(id=identifier, **kw), headers=headers)
    assert answer.status == 201 and answer.headers["Location"] == f"{S}/{identifier}", answer
    return ready(hub, expected, headers, identifier)


def ready(hub, expected="success", headers=None, identifier=SID):
    wait_for("the snapshot", lambda: hub.get(f"{S}/{identifier}", headers=headers).json.get("snapshotStatus") not in (None, "preparing"))
    described = hub.get(f"{S}/{identifier}", headers=headers).json
    assert described["snapshotStatus"] == expected, described
    return described


@pytest.fixture
def gauges(hub):
    for n in (1, 2, 3):
        assert hub.post(E, {"id": f"urn:ngsi-ld:Gauge:{n}", "type": "Gauge", "scope": "/a", "level": n, "name": f"g{n}",
                            "location": {"type": "Point", "coordinates": [106.5 + n, 29.5]}}).status == 201
    assert hub.post(E, {"id": "urn:ngsi-ld:Valve:1", "type": "Valve", "open": True}).status == 201
    return hub


def levels(hub, headers=None, query="type=Gauge"):
    return [e.get("level") for e in hub.get(f"{E}?{query}&format=simplified&limit=1000", headers=headers).json]


def test_frozen(gauges):
    before = gauges.get(f"{E}/{FIRST}?options=sysAttrs").json
    described = make(gauges)
    assert described["type"] == "Snapshot" and described["snapshotPriority"] == 5 and described["snapshotQueriesDetails"] == [{"resultStatus": "success"}]
    assert all(described[t].endswith("Z") for t in ("createdAt", "modifiedAt", "expiresAt", "lastUsedAt"))
    assert not {"folder", "context", "cloneOf"} & set(described)
    gauges.patch(f"{E}/{FIRST}", {"level": 100})
    gauges.delete(f"{E}/{SECOND}")
    gauges.post(E, {"id": "urn:ngsi-ld:Gauge:9", "type": "Gauge", "level": 9})
    assert levels(gauges) == [100, 3, 9] and levels(gauges, IN) == [1, 2, 3]
    assert gauges.get(f"{E}/{FIRST}?options=sysAttrs", headers=IN).json == before  # times and all
    assert gauges.get(f"{E}/{FIRST}", headers=IN).headers["NGSILD-Snapshot"] == SID
    assert gauges.get(f"{E}/urn:ngsi-ld:Valve:1", headers=IN).status == 404  # no query asked for it
    # its indexes work as well
    assert levels(gauges, IN, "georel=near;maxDistance==10&geometry=Point&coordinates=[107.5,29.5]") == [1]
    assert levels(gauges, IN, "scopeQ=/a&type=Gauge&q=level>1") == [2, 3]
    assert gauges.get("/ngsi-ld/v1/types", headers=IN).json["typeList"] == ["Gauge"]


def test_writing_in_it_leaves_the_rest_alone(gauges):
    make(gauges)
    assert gauges.patch(f"{E}/{FIRST}", {"level": 50}, headers=IN).status == 204
    assert gauges.post("/ngsi-ld/v1/entityOperations/upsert", [{"id": "urn:ngsi-ld:Gauge:7", "type": "Gauge", "level": 7}], headers=IN).status == 201
    assert gauges.delete(f"{E}?type=Gauge&q=level==2", headers=IN).status == 204
    assert levels(gauges, IN) == [50, 3, 7] and levels(gauges) == [1, 2, 3]
    receiver = Receiver()
    assert gauges.post("/ngsi-ld/v1/subscriptions", {"type": "Subscription", "entities": [{"type": "Gauge"}], "notification": {
        "endpoint": {"uri": receiver.url}}}, headers=IN).status == 201
    gauges.patch(f"{E}/{FIRST}", {"level": 1000})
    gauges.patch(f"{E}/{FIRST}", {"level": 51}, headers=IN)
    assert receiver.wait(1)[0]["level"]["value"] == 51 and receiver.headers[0]["NGSILD-Snapshot"] == SID
    receiver.close()


def test_what_the_queries_ask_for(gauges):
    queries = [{"type": "Query", "entities": [{"id": FIRST, "type": "Gauge"}], "attrs": ["level"]},
               {"type": "Query", "entities": [{"type": "Gauge"}], "q": "level==2", "pick": ["id", "type", "name"]},
               {"type": "Query", "entities": [{"id": FIRST, "type": "Gauge"}], "pick": ["id", "type", "name"]},
               {"type": "Query", "entities": [{"type": "Nothing"}]}]
    described = make(gauges, "partial", snapshotQueries=queries)
    assert [d["resultStatus"] for d in described["snapshotQueriesDetails"]] == ["success", "success", "success", "empty"]
    assert set(gauges.get(f"{E}/{FIRST}", headers=IN).json) - {"scope"} == {"id", "type", "level", "name"}  # of two queries
    assert set(gauges.get(f"{E}/{SECOND}", headers=IN).json) - {"scope"} == {"id", "type", "name"}
    assert make(gauges, "empty", identifier="urn:ngsi-ld:Snapshot:two", snapshotQueries=queries[3:])["snapshotStatus"] == "empty"


def test_names_of_queries_are_expanded(gauges):
    context = gauges.post("/ngsi-ld/v1/jsonldContexts", {"@context": {"G": "https://x.org/G", "v": "https://x.org/v"}}).headers["Location"]
    link = {"Link": f'<{gauges.url}{context}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'}
    assert gauges.post(E, {"id": "urn:ngsi-ld:G:1", "type": "G", "v": 1}, headers=link).status == 201
    make(gauges, "empty", snapshotQueries=[{"type": "Query", "entities": [{"type": "G"}]}])
    make(gauges, headers=link, identifier="urn:ngsi-ld:Snapshot:two", snapshotQueries=[{"type": "Query", "entities": [{"type": "G"}], "q": "v==1"}])
    assert gauges.get(f"{E}?type=G", headers={**link, "NGSILD-Snapshot": "urn:ngsi-ld:Snapshot:two"}).json[0]["v"]["value"] == 1


def test_histories(hub):
    for hour in range(6):
        hub.post("/ngsi-ld/v1/temporal/entities", {"id": FIRST, "type": "Gauge", "level": [
            {"type": "Property", "value": hour, "unitCode": "MTR", "observedAt": f"2026-03-01T0{hour}:00:00Z"}], "name": [
            {"type": "Property", "value": f"n{hour}", "observedAt": f"2026-03-01T0{hour}:00:00Z"}]})
    temporal = {"timerel": "between", "timeAt": "2026-03-01T01:00:00Z", "endTimeAt": "2026-03-01T04:00:00Z"}
    made = hub.post(S, {"id": SID, "type": "Snapshot", "snapshotTemporalQueries": [
        {"type": "Query", "entities": [{"type": "Gauge"}], "attrs": ["level"], "temporalQ": temporal}]})
    assert made.status == 201
    assert ready(hub)["snapshotTemporalQueriesDetails"] == [{"resultStatus": "success"}]
    hub.delete(f"/ngsi-ld/v1/temporal/entities/{FIRST}")
    history = hub.get(f"/ngsi-ld/v1/temporal/entities/{FIRST}", headers=IN).json
    assert [(p["value"], p["observedAt"], p["unitCode"]) for p in history["level"]] == [
        (n, f"2026-03-01T0{n}:00:00Z", "MTR") for n in (1, 2, 3)]
    assert "name" not in history
    found = hub.get("/ngsi-ld/v1/temporal/entities?type=Gauge&timerel=after&timeAt=2026-03-01T03:00:00Z&format=temporalValues", headers=IN).json
    assert [v[0] for v in found[0]["level"]["values"]] == [3]


def test_unknown_and_preparing(gauges):
    for method, path, sent in (("GET", f"{E}/{FIRST}", None), ("POST", E, {"id": FIRST, "type": "T"}), ("DELETE", f"{E}/{FIRST}", None),
                               ("GET", f"{E}?type=Gauge", None), ("GET", "/ngsi-ld/v1/subscriptions", None)):
        answer = gauges.request(method, path, sent, headers=IN)
        assert answer.status == 404 and answer.json["type"].endswith("ResourceNotFound"), answer
        assert answer.headers["NGSILD-Snapshot"] == SID
    assert gauges.get(f"{E}?type=Gauge", headers={"NGSILD-Snapshot": "no uri"}).status == 400
    assert gauges.get(f"{S}/{SID}").status == 404 and gauges.patch(f"{S}/{SID}", {"snapshotPriority": 2}).status == 404
    assert gauges.delete(f"{S}/{SID}").status == 404 and gauges.get(f"{S}/no-uri").status == 400
    assert gauges.post(f"{S}/{SID}/clone", {"type": "Snapshot"}).status == 404


@pytest.mark.parametrize("change", [
    {"type": "Query"}, {"type": None}, {"id": "no uri"}, {"id": 5}, {"snapshotQueries": None}, {"snapshotQueries": []}, {"snapshotQueries": {}},
    {"snapshotQueries": [{"type": "Query"}]}, {"snapshotQueries": [{"entities": [{"type": "T"}]}]}, {"snapshotQueries": [5]},
    {"snapshotQueries": [{"type": "Query", "entities": [{"type": "T"}], "temporalQ": {"timerel": "after", "timeAt": "2026-01-01T00:00:00Z"}}]},
    {"snapshotTemporalQueries": [{"type": "Query", "entities": [{"type": "T"}]}]},
    {"snapshotTemporalQueries": [{"type": "Query", "entities": [{"type": "T"}], "temporalQ": {"timerel": "sometime"}}]},
    {"snapshotQueries": [{"type": "Query", "entities": [{"type": "T"}], "q": "a=="}]}, {"snapshotLifetime": "a day"}, {"snapshotLifetime": "P0D"},
    {"snapshotLifetime": 5}, {"snapshotPriority": 0}, {"snapshotPriority": 11}, {"snapshotPriority": 1.5}, {"snapshotPriority": "5"},
    {"endpoint": "ftp://x/"}, {"endpoint": {"uri": "http://x/"}}, {"receiverInfo": {"a": "b"}}, {"receiverInfo": [{"key": "a"}]},
    {"receiverInfo": [{"key": "a\r\nb", "value": "c"}]}, {"colour": "red"},
], ids=lambda c: str(c)[:40])
def test_refused(hub, change):
    sent = {k: v for k, v in body(**change).items() if v is not None}
    for language in ("en", "zh"):
        answer = hub.post(S, sent, headers={"Accept-Language": language})
        assert answer.status == 400 and answer.json["type"].endswith(("BadRequestData", "InvalidRequest")), answer
        assert any("\u4e00" <= c <= "\u9fff" for c in answer.json["detail"]) == (language == "zh"), answer
    assert hub.get(S).json == [] and not list(hub.data.glob("snapshots/*"))


def test_same_id_twice(gauges):
    make(gauges)
    answer = gauges.post(S, body())
    assert answer.status == 409 and answer.json["type"].endswith("AlreadyExists")
    without = {k: v for k, v in body().items() if k != "id"}
    made = gauges.post(S, without).headers["Location"]
    assert made.startswith(f"{S}/urn:ngsi-ld:Snapshot:") and gauges.get(made).status == 200


def test_update(gauges):
    receiver = Receiver()
    first = make(gauges, snapshotLifetime="PT1H", snapshotStatus="ignored", createdAt="2001-01-01T00:00:00Z")
    assert first["createdAt"] > "2026"
    answer = gauges.patch(f"{S}/{SID}", {"type": "Snapshot", "snapshotLifetime": "P2D", "snapshotPriority": 8, "endpoint": receiver.url,
                                         "receiverInfo": [{"key": "X-Who", "value": "me"}], "expiresAt": "2001-01-01T00:00:00Z"})
    assert answer.status == 200 and answer.json["snapshotPriority"] == 8 and answer.json["expiresAt"] > first["expiresAt"]
    assert answer.json["modifiedAt"] > first["modifiedAt"] and answer.json["createdAt"] == first["createdAt"]
    told = wait_for("a notification", lambda: receiver.got and receiver.got[0])
    assert told["type"] == "SnapshotNotification" and told["snapshotId"] == SID and told["snapshotStatus"] == "success"
    assert told["expiresAt"] == answer.json["expiresAt"] and told["notifiedAt"] and told["id"] and receiver.headers[0]["X-Who"] == "me"
    for bad in ({"snapshotQueries": body()["snapshotQueries"]}, {"snapshotPriority": 0}, {"id": "urn:a:b"}, {"type": "T"}, {"colour": 1}, []):
        assert gauges.patch(f"{S}/{SID}", bad).status == 400, bad
    assert "endpoint" not in gauges.patch(f"{S}/{SID}", {"endpoint": None}).json
    assert gauges.get(f"{S}/{SID}").json["snapshotPriority"] == 8
    receiver.close()


def test_lifetime_has_a_limit(gauges):
    at = make(gauges, snapshotLifetime="P10Y")
    days = datetime.datetime.fromisoformat(at["expiresAt"].replace("Z", "+00:00")) - datetime.datetime.fromisoformat(at["createdAt"].replace("Z", "+00:00"))
    assert days == datetime.timedelta(days=30)


def test_told_when_it_is_ready_and_when_it_has_gone(gauges):
    receiver = Receiver()
    make(gauges, endpoint=receiver.url)
    told = wait_for("a notification", lambda: receiver.got and receiver.got[0])
    assert told["snapshotStatus"] == "success" and told["snapshotQueriesDetails"] == [{"resultStatus": "success"}] and told["snapshotPriority"] == 5
    assert gauges.delete(f"{S}/{SID}").status == 204
    gone = wait_for("the last notification", lambda: len(receiver.got) > 1 and receiver.got[1])
    assert gone["expiresAt"] <= gone["notifiedAt"]
    receiver.close()


def test_delete(gauges):
    make(gauges)
    assert len(list(gauges.data.glob("snapshots/*"))) == 1
    assert gauges.delete(f"{S}/{SID}").status == 204
    assert gauges.get(f"{S}/{SID}").status == 404 and gauges.get(f"{E}?type=Gauge", headers=IN).status == 404
    assert not list(gauges.data.glob("snapshots/*")) and not list(gauges.data.glob("snapshots/.*"))
    make(gauges)


def test_clone(gauges):
    make(gauges)
    gauges.patch(f"{E}/{FIRST}", {"level": 50}, headers=IN)
    answer = gauges.post(f"{S}/{SID}/clone", {"id": "urn:ngsi-ld:Snapshot:two", "type": "Snapshot", "snapshotPriority": 9})
    assert answer.status == 201 and answer.headers["Location"] == f"{S}/urn:ngsi-ld:Snapshot:two"
    assert ready(gauges, identifier="urn:ngsi-ld:Snapshot:two")["snapshotPriority"] == 9
    two = {"NGSILD-Snapshot": "urn:ngsi-ld:Snapshot:two"}
    assert levels(gauges, two) == [50, 2, 3]
    gauges.patch(f"{E}/{FIRST}", {"level": 60}, headers=two)
    assert levels(gauges, IN) == [50, 2, 3] and levels(gauges, two) == [60, 2, 3]
    assert gauges.post(f"{S}/{SID}/clone", {"id": "urn:ngsi-ld:Snapshot:two", "type": "Snapshot"}).status == 409
    assert gauges.post(f"{S}/{SID}/clone", body(id="urn:ngsi-ld:Snapshot:three")).status == 400
    assert gauges.delete(f"{S}/{SID}").status == 204 and levels(gauges, two) == [60, 2, 3]


def test_list_and_purge(gauges):
    for n in range(1, 5):
        make(gauges, identifier=f"urn:ngsi-ld:Snapshot:{n}", snapshotPriority=n)
    ids = lambda query="": [int(s["id"][-1]) for s in gauges.get(S + query).json]
    assert ids() == [1, 2, 3, 4] and ids("?q=snapshotPriority>=3") == [3, 4] and ids("?limit=2&offset=1") == [2, 3]
    assert gauges.get(f"{S}?limit=1&count=true").headers["NGSILD-Results-Count"] == "4"
    for bad in ("", "?q=", "?q=colour==1", "?q=snapshotPriority>", "?q=snapshotPriority{a:b==1}"):
        assert gauges.delete(S + bad).status == 400, bad
    assert gauges.delete(f"{S}?q=snapshotPriority==9").status == 404 and ids() == [1, 2, 3, 4]
    assert gauges.delete(f"{S}?q=snapshotPriority<3").status == 204 and ids() == [3, 4]
    assert gauges.delete(f"{S}?q=snapshotStatus==%22success%22;createdAt>2020-01-01T00:00:00Z").status == 204 and ids() == []


def test_expires(gauges):
    make(gauges, snapshotLifetime="PT1.5S")
    at = gauges.get(f"{S}/{SID}").json["expiresAt"]
    assert levels(gauges, IN) == [1, 2, 3]
    wait_until(at)
    assert gauges.get(f"{S}/{SID}").status == 404 and gauges.get(f"{E}?type=Gauge", headers=IN).status == 404 and gauges.get(S).json == []
    wait_for("its files to go", lambda: not list(gauges.data.glob("snapshots/*")))
    make(gauges)


def test_entities_that_expire_last_in_it(hub):
    at = soon(2)
    assert hub.post(E, {"id": FIRST, "type": "Gauge", "expiresAt": at, "level": {"value": 1, "expiresAt": at}}).status == 201
    make(hub)
    wait_until(at)
    assert hub.get(f"{E}/{FIRST}").status == 404 and levels(hub, IN) == [1]


def test_survives_a_restart(make_hub):
    hub = make_hub()
    for n in (1, 2):
        hub.post(E, {"id": f"urn:ngsi-ld:Gauge:{n}", "type": "Gauge", "level": n})
        hub.post(E, {"id": f"urn:ngsi-ld:Gauge:{n}", "type": "Gauge", "level": n * 10}, headers={"NGSILD-Tenant": "north"})
    make(hub)
    make(hub, headers={"NGSILD-Tenant": "north"})
    hub.kill()
    hub.start()
    assert ready(hub) and levels(hub, IN) == [1, 2]
    assert levels(hub, {**IN, "NGSILD-Tenant": "north"}) == [10, 20]
    hub.stop()
    hub.start()
    assert levels(hub, IN) == [1, 2]


def test_filled_anew_after_a_kill(make_hub):
    hub = make_hub()
    for start in range(0, 20000, 5000):
        hub.post("/ngsi-ld/v1/entityOperations/create", [{"id": f"urn:ngsi-ld:Gauge:{n}", "type": "Gauge", "level": n} for n in range(start, start + 5000)])
    assert hub.post(S, body()).status == 201
    if hub.get(f"{S}/{SID}").json["snapshotStatus"] == "preparing":
        answer = hub.get(f"{E}?type=Gauge", headers=IN)
        assert answer.status in (200, 409)
    hub.kill()
    hub.start()
    ready(hub)
    assert hub.get(f"{E}?type=Gauge&limit=0&count=true", headers=IN).headers["NGSILD-Results-Count"] == "20000"


def test_of_a_tenant(gauges):
    north = {"NGSILD-Tenant": "north"}
    assert gauges.post(E, {"id": FIRST, "type": "Gauge", "level": 77}, headers=north).status == 201
    make(gauges, headers=north)
    assert gauges.get(f"{S}/{SID}").status == 404 and gauges.get(f"{E}?type=Gauge", headers=IN).status == 404
    answer = gauges.get(f"{E}/{FIRST}?format=simplified", headers={**north, **IN})
    assert answer.json["level"] == 77 and answer.headers["NGSILD-Tenant"] == "north" and answer.headers["NGSILD-Snapshot"] == SID
    assert gauges.delete("/api/v1/tenants/north").status == 204
    assert gauges.get(f"{E}/{FIRST}", headers={**north, **IN}).status == 404
    assert not list(gauges.data.glob("tenants/*"))


def test_backup_holds_it(gauges, make_hub, tmp_path):
    make(gauges)
    copy, folder = tmp_path / "copy", tmp_path / "restored"
    folder.mkdir()
    assert program("backup", "--data", gauges.data, "--to", copy).returncode == 0
    assert program("restore", "--from", copy, "--data", folder / "data").returncode == 0
    assert levels(make_hub(folder=folder), IN) == [1, 2, 3]


def test_not_within_a_snapshot(gauges):
    make(gauges)
    assert gauges.post(S, body(id="urn:ngsi-ld:Snapshot:two"), headers=IN).status == 400
