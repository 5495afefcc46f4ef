# SPDX-License-Identifier: Apache-2.0
"""Context source registrations: made, changed, found, kept (5.2.9, 5.9, 5.10, 5.12; 4.3.6.2, 4.3.6.3)."""
import datetime

import pytest

from conftest import wait_for

N = "/ngsi-ld/v1"
PATH = f"{N}/csourceRegistrations"
LD = {"Content-Type": "application/ld+json"}


def registration(**members):
    return {"type": "ContextSourceRegistration", "endpoint": "http://source.example.org:1026",
            "information": [{"entities": [{"type": "Room"}]}], **members}


def info(entities=None, properties=None, relationships=None):
    found = {"entities": entities, "propertyNames": properties, "relationshipNames": relationships}
    return {k: v for k, v in found.items() if v}


def register(hub, **members):
    answer = hub.post(PATH, registration(**members))
    assert answer.status == 201, answer
    return answer.headers["Location"]


def ids(hub, query):
    answer = hub.get(f"{PATH}?{query}")
    assert answer.status == 200, answer
    return [r["id"].rsplit(":", 1)[1] for r in answer.json]


def at(seconds):
    then = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return then.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_made_read_changed_deleted(hub):
    path = register(hub, id="urn:r:1", registrationName="rooms", management={"timeout": 500, "localOnly": True},
                    contextSourceInfo=[{"key": "X-Key", "value": "k"}], status="failed", timesSent=9)
    assert path == f"{PATH}/urn:r:1"
    seen = hub.get(path)
    assert seen.status == 200 and "ngsi-ld-core-context" in seen.headers["Link"]
    assert seen.json == registration(id="urn:r:1", registrationName="rooms",
                                     management={"timeout": 500, "localOnly": True},
                                     contextSourceInfo=[{"key": "X-Key", "value": "k"}])
    assert "createdAt" in hub.get(f"{path}?options=sysAttrs").json
    assert hub.post(PATH, registration(id="urn:r:1")).status == 409
    assert hub.patch(path, {"registrationName": "urn:ngsi-ld:null", "management": {"timeout": 700},
                            "operations": ["retrieveOps"]}).status == 204
    changed = hub.get(path).json
    assert "registrationName" not in changed and changed["management"] == {"timeout": 700}
    assert changed["operations"] == ["retrieveOps"] and changed["contextSourceInfo"]
    assert hub.patch(path, {"mode": "shared"}).status == 400
    assert hub.patch(path, {"id": "urn:r:2"}).status == 400
    assert hub.delete(path).status == 204
    for answer in hub.get(path), hub.delete(path), hub.patch(path, {"tenant": "x"}):
        assert answer.status == 404 and answer.json["type"].endswith("ResourceNotFound")
    assert hub.get(f"{PATH}/no-uri").status == 400


def test_id_is_made_and_survives_a_crash(hub):
    path = register(hub)
    assert path.startswith(f"{PATH}/urn:ngsi-ld:ContextSourceRegistration:")
    before = hub.get(f"{path}?options=sysAttrs").json
    hub.kill()
    hub.start()
    assert hub.get(f"{path}?options=sysAttrs").json == before
    assert hub.get(f"{PATH}?type=Room").json[0]["id"] == before["id"]


def test_names_follow_the_context(hub):
    terms = {"Room": "https://example.org/Room", "warmth": "https://example.org/warmth"}
    body = registration(information=[info([{"type": "Room"}], ["warmth"])], id="urn:r:1")
    assert hub.post(PATH, {**body, "@context": terms}, headers=LD).status == 201
    plain = hub.get(f"{PATH}/urn:r:1").json["information"][0]
    assert plain == {"entities": [{"type": "https://example.org/Room"}], "propertyNames": ["https://example.org/warmth"]}
    assert ids(hub, "type=Room") == [] and ids(hub, "type=https%3A%2F%2Fexample.org%2FRoom") == ["1"]
    url = hub.post(f"{N}/jsonldContexts", {"@context": terms}).headers["Location"]
    link = {"Link": f'<{url}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'}
    assert hub.get(f"{PATH}?type=Room&attrs=warmth", headers=link).json[0]["information"] == body["information"]
    assert hub.patch(f"{PATH}/urn:r:1", {"description": "d"}).status == 204
    assert hub.get(f"{PATH}/urn:r:1", headers=link).json["information"] == body["information"]


def test_found_by_entities_and_attributes(hub):
    register(hub, id="urn:r:id", information=[info([{"type": "Room", "id": "urn:room:1"}])])
    register(hub, id="urn:r:pattern", information=[info([{"type": "Room", "idPattern": "^urn:room:"}], ["t"])])
    register(hub, id="urn:r:any", information=[info(None, ["t"], ["in"])])
    register(hub, id="urn:r:hall", information=[info([{"type": "Hall"}]), info([{"type": "Room"}], ["h"])])
    assert ids(hub, "type=Room") == ["any", "hall", "id", "pattern"]
    assert ids(hub, "type=Room&id=urn:room:2") == ["any", "hall", "pattern"]
    assert ids(hub, "type=Room&id=urn:x:2,urn:room:1") == ["any", "hall", "id", "pattern"]
    assert ids(hub, "type=Room&idPattern=room:1$") == ["any", "hall", "id", "pattern"]
    assert ids(hub, "type=Room&idPattern=cave") == ["any", "hall", "pattern"]
    assert ids(hub, "type=(Hall;Room)") == ["any"] and ids(hub, "type=Cave|Hall") == ["any", "hall"]
    assert ids(hub, "attrs=in") == ["any", "hall", "id"]
    assert ids(hub, "type=Room&attrs=t") == ["any", "id", "pattern"]
    assert ids(hub, "type=Room&q=h>3|t<2") == ["any", "hall", "id", "pattern"]
    assert ids(hub, "type=Room&attrs=x") == ["id"]
    only = [r for r in hub.get(f"{PATH}?type=Room").json if r["id"] == "urn:r:hall"]
    assert only[0]["information"] == [{"entities": [{"type": "Room"}], "propertyNames": ["h"]}]


def test_found_by_place_scope_time_and_filter(hub):
    square = {"type": "Polygon", "coordinates": [[[106, 29], [107, 29], [107, 30], [106, 30], [106, 29]]]}
    register(hub, id="urn:r:here", location=square, scope="/a/b", description="one")
    register(hub, id="urn:r:where", description="two", mode="redirect", datasetId=["urn:d:1"])
    past = {"startAt": "2026-01-01T00:00:00Z", "endAt": "2026-02-01T00:00:00Z"}
    register(hub, id="urn:r:past", observationInterval=past)
    register(hub, id="urn:r:managed", managementInterval={"startAt": "2026-01-15T00:00:00Z"})
    geo = "type=Room&georel=near;maxDistance==10&geometry=Point&coordinates="
    assert ids(hub, geo + "[106.5,29.5]") == ["where", "here"]
    assert ids(hub, geo + "[109,29.5]") == ["where"]
    assert ids(hub, geo + "[109,29.5]&geoproperty=observationSpace") == ["where", "here"]
    assert ids(hub, "type=Room&scopeQ=/a/%23") == ["where", "here"] and ids(hub, "type=Room&scopeQ=/c") == ["where"]
    assert ids(hub, 'type=Room&csf=description=="one"') == ["here"]
    assert ids(hub, 'type=Room&csf=mode!="redirect"') == ["here"]
    assert ids(hub, "type=Room&datasetId=urn:d:2") == ["here"]
    assert ids(hub, "type=Room&timerel=after&timeAt=2026-01-20T00:00:00Z") == ["past"]
    assert ids(hub, "type=Room&timerel=before&timeAt=2026-02-20T00:00:00Z") == []
    between = "type=Room&timerel=between&timeAt=2025-01-01T00:00:00Z&endTimeAt=2026-01-15T00:00:00Z"
    assert ids(hub, between) == ["past"] and ids(hub, between + "&timeproperty=modifiedAt") == ["managed"]


def test_pages(hub):
    for n in range(5):
        register(hub, id=f"urn:r:{n}")
    first = hub.get(f"{PATH}?type=Room&limit=2&count=true")
    assert [r["id"] for r in first.json] == ["urn:r:0", "urn:r:1"] and first.headers["NGSILD-Results-Count"] == "5"
    assert 'rel="next"' in first.headers["Link"] and "offset=2" in first.headers["Link"]
    assert ids(hub, "type=Room&limit=2&offset=4") == ["4"]
    assert ids(hub, "type=Room&limit=0&count=true") == []


@pytest.mark.parametrize("query", ["", "id=urn:a:1", "type=Room&id=a%20b", "type=Room&q=%3D%3D", "type=Room&csf=(",
                                   "type=Room&georel=near", "type=Room&timerel=after", "type=Room&colour=red",
                                   "type=Room&timerel=around&timeAt=2026-01-01T00:00:00Z", "type=Room&limit=0"])
def test_queries_refused(hub, query):
    answer = hub.get(f"{PATH}?{query}")
    assert answer.status == 400 and answer.json["detail"], answer


@pytest.mark.parametrize("members", [
    {"type": "Registration"}, {"endpoint": "nowhere"}, {"information": []}, {"information": [{}]}, {"mode": "some"},
    {"information": [{"entities": [{"id": "urn:a:1"}]}]}, {"operations": ["fly"]}, {"expiresAt": "2020-01-01T00:00:00Z"},
    {"id": "no uri"}, {"contextSourceInfo": [{"key": "accept", "value": "text/html"}]}, {"colour": "red"},
    {"contextSourceInfo": [{"key": "X\r\nY", "value": "1"}]}, {"mode": "exclusive"}, {"mode": "auxiliary"},
    {"mode": "auxiliary", "operations": ["retrieveOps", "mergeEntity"]}, {"location": {"type": "Point"}},
    {"mode": "exclusive", "information": [info([{"type": "Room", "idPattern": "a"}], ["t"])]}])
def test_registrations_refused(hub, members):
    body = {**registration(), **members}
    answer = hub.post(PATH, body)
    assert answer.status == 400 and answer.json["type"].endswith("BadRequestData"), answer


def conflict(answer):
    return answer.status == 409 and answer.json["type"].endswith("/Conflict")


def test_what_is_exclusive_stays_so(hub):
    def exclusive(number, identifier, *names):
        return registration(id=f"urn:r:{number}", mode="exclusive",
                            information=[info([{"type": "Room", "id": identifier}], list(names))])

    assert hub.post(PATH, exclusive(1, "urn:room:1", "t", "h")).status == 201
    assert conflict(hub.post(PATH, exclusive(2, "urn:room:1", "x", "h")))
    assert hub.post(PATH, exclusive(3, "urn:room:1", "x")).status == 201
    assert hub.post(PATH, exclusive(4, "urn:room:2", "t")).status == 201
    assert conflict(hub.patch(f"{PATH}/urn:r:3", exclusive(3, "urn:room:1", "t")))
    assert conflict(hub.post(PATH, registration(mode="redirect")))
    assert hub.post(PATH, registration(mode="redirect", information=[info([{"type": "Hall"}])])).status == 201
    assert hub.post(PATH, registration()).status == 201
    assert hub.delete(f"{PATH}/urn:r:1").status == 204
    assert hub.post(PATH, exclusive(2, "urn:room:1", "t")).status == 201


def test_entities_in_the_way(hub):
    hub.post(f"{N}/entities", {"id": "urn:room:1", "type": "Room", "t": 1})
    claim = [info([{"type": "Room", "id": "urn:room:1"}], ["t"])]
    assert conflict(hub.post(PATH, registration(mode="exclusive", information=claim)))
    claim[0]["propertyNames"] = ["h"]
    assert hub.post(PATH, registration(mode="exclusive", information=claim)).status == 201
    assert conflict(hub.post(PATH, registration(mode="redirect")))
    assert conflict(hub.post(PATH, registration(mode="redirect", information=[info(None, ["t"])])))
    other = [info([{"type": "Room", "idPattern": "urn:other"}])]
    path = register(hub, mode="redirect", information=other)
    assert conflict(hub.patch(path, {"information": [info([{"type": "Room", "idPattern": "urn:room"}], ["t"])]}))
    assert hub.patch(path, {"mode": "inclusive"}).status == 204


def test_many_claims_at_once(hub):
    """Of equal exclusive registrations that come together in one commit, one is taken."""
    import concurrent.futures

    def claim(number):
        body = registration(id=f"urn:r:{number}", mode="exclusive",
                            information=[info([{"type": "Room", "id": "urn:room:1"}], ["t"])])
        return hub.post(PATH, body).status

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(claim, range(16))) == [201] + [409] * 15


def test_expiry_deletes(hub):
    path = register(hub, expiresAt=at(1.0))
    lasting = register(hub, expiresAt=at(3600))
    wait_for("the registration to expire", lambda: hub.get(path).status == 404)
    assert hub.get(lasting).status == 200 and len(hub.get(f"{PATH}?type=Room").json) == 1
    hub.kill()
    hub.start()
    assert hub.get(path).status == 404 and hub.get(lasting).status == 200


def test_who_this_source_is(hub):
    path = f"{N}/info/sourceIdentity"
    me = hub.get(path).json
    assert me["type"] == "ContextSourceIdentity" and me["id"].startswith("urn:") and me["contextSourceAlias"]
    assert me["contextSourceUptime"].startswith("PT") and me["contextSourceTimeAt"].endswith("Z")
    hub.post(f"{N}/entities", {"id": "urn:a:1", "type": "A"}, headers={"NGSILD-Tenant": "north"})
    other = hub.get(path, headers={"NGSILD-Tenant": "north"}).json
    assert other["contextSourceAlias"] != me["contextSourceAlias"]
    assert "@context" in hub.get(path, headers={"Accept": "application/ld+json"}).json
    hub.kill()
    hub.start()
    assert hub.get(path).json["contextSourceAlias"] == me["contextSourceAlias"]
    assert hub.get(path, headers={"NGSILD-Tenant": "north"}).json["contextSourceAlias"] == other["contextSourceAlias"]
