# SPDX-License-Identifier: Apache-2.0
"""Reading over several context sources (4.3.6, 4.5.5, 5.7, 6.3.17 – 6.3.19): real hubs, and endpoints that misbehave."""
import time
import urllib.parse

import pytest

from sources import NGSI, Source, create, entity, register, warnings

ROOMS = {"entities": [{"type": "Room"}]}


@pytest.fixture
def make_source():
    sources = []

    def make(answer=None):
        source = Source(answer or (lambda *args: (200, [])))
        sources.append(source)
        return source

    yield make
    for source in sources:
        source.stop()


def names(answer):
    assert answer.status == 200, answer
    return [e["id"].rsplit(":", 1)[1] for e in answer.json]


def query(path):
    return {k: v[0] for k, v in urllib.parse.parse_qs(urllib.parse.urlsplit(path).query).items()}


# ---- what is put together ----


def test_one_entity_of_two_hubs(make_hub):
    a, b = make_hub(), make_hub()
    create(a, entity(1, name="a"))
    create(b, entity(1, temperature=20), entity(2, temperature=21))
    register(a, b.url, ROOMS)
    one = a.get(NGSI + "/entities/urn:ngsi-ld:Room:1?options=keyValues").json
    assert one == {"id": "urn:ngsi-ld:Room:1", "type": "Room", "name": "a", "temperature": 20}
    assert a.get(NGSI + "/entities/urn:ngsi-ld:Room:2?options=keyValues").json["temperature"] == 21
    assert names(a.get(NGSI + "/entities?type=Room")) == ["1", "2"]
    assert a.get(NGSI + "/entities/urn:ngsi-ld:Room:3").status == 404


def test_local_asks_nobody(make_hub):
    a, b = make_hub(), make_hub()
    create(b, entity(1))
    register(a, b.url, ROOMS)
    assert a.get(NGSI + "/entities?type=Room&local=true").json == []
    assert a.get(NGSI + "/entities/urn:ngsi-ld:Room:1?local=true").status == 404
    assert a.get(NGSI + "/entities?type=Room&local=perhaps").status == 400


def test_newest_instance_stands(make_hub, make_source):
    """4.5.5.3: the last observedAt, else the last modifiedAt, for each datasetId."""
    def attribute(value, **more):
        return {"type": "Property", "value": value, **more}
    new, old = "2026-03-02T00:00:00Z", "2026-03-01T00:00:00Z"
    a = make_hub()
    create(a, entity(1, seen=attribute(1, observedAt=new), older=attribute(1, observedAt=old),
                     unseen=attribute(1), mine=attribute(1)))
    source = make_source(lambda *args: (200, {"id": "urn:ngsi-ld:Room:1", "type": ["Room", "Hall"],
        "modifiedAt": "2020-01-01T00:00:00Z",
        "seen": attribute(2, observedAt=old), "older": attribute(2, observedAt=new),
        "unseen": attribute(2, modifiedAt="2099-01-01T00:00:00Z"), "mine": attribute(2),
        "more": [attribute(3), attribute(4, datasetId="urn:x:other")]}))
    register(a, source.url, ROOMS)
    got = a.get(NGSI + "/entities/urn:ngsi-ld:Room:1").json
    assert [got[k]["value"] for k in ("seen", "older", "unseen", "mine")] == [1, 2, 2, 1]
    assert sorted(i["value"] for i in got["more"]) == [3, 4] and got["type"] == ["Room", "Hall"]


def test_modes_rank(make_hub, make_source):
    """4.3.6.2, 4.3.6.3: auxiliary fills gaps only; of what is exclusive nobody else's word counts."""
    a = make_hub()
    create(a, entity(1, name="a"))
    def answer(value):
        return lambda *args: (200, {**entity(1, name=value, gap=value, own=value), "modifiedAt": "2099-01-01T00:00:00Z"})
    register(a, make_source(answer("auxiliary")).url, ROOMS, mode="auxiliary", operations=["retrieveOps"])
    got = a.get(NGSI + "/entities/urn:ngsi-ld:Room:1?options=keyValues").json
    assert (got["name"], got["gap"]) == ("a", "auxiliary")
    register(a, make_source(lambda *args: (200, entity(1, own="exclusive", name="not offered"))).url,
             {"entities": [{"id": "urn:ngsi-ld:Room:1", "type": "Room"}], "propertyNames": ["own"]}, mode="exclusive")
    register(a, make_source(lambda *args: (200, entity(1, gap="inclusive", own="inclusive"))).url, ROOMS)
    got = a.get(NGSI + "/entities/urn:ngsi-ld:Room:1?options=keyValues").json
    assert (got["name"], got["gap"], got["own"]) == ("a", "inclusive", "exclusive")


def test_only_what_is_registered(make_hub, make_source):
    """4.3.6.1: the constraints of a registration hold for the request and for its answer."""
    a = make_hub()
    source = make_source(lambda *args: (200, [entity(1, temperature=1, secret=1), entity(1, "Car", temperature=1)]))
    register(a, source.url, {"entities": [{"type": "Room", "idPattern": "Room"}], "propertyNames": ["temperature"]})
    got = a.get(NGSI + "/entities?type=Room,Car&options=keyValues").json
    assert got == [{"id": "urn:ngsi-ld:Room:1", "type": "Room", "temperature": 1}]
    asked = query(source.requests[-1][1])
    assert (asked["type"], asked["idPattern"], asked["attrs"]) == ("Room", "Room", "temperature")
    assert a.get(NGSI + "/entities?type=Car").json == [] and len(source.requests) == 1


def test_operations_of_a_registration(make_hub, make_source):
    """4.20: nothing is sent that the source does not offer."""
    a = make_hub()
    source = make_source(lambda *args: (200, [entity(1)]))
    register(a, source.url, ROOMS, operations=["retrieveEntity"])
    assert a.get(NGSI + "/entities?type=Room").json == [] and source.requests == []


# ---- filters and pages ----


def test_filters_go_along_where_entities_are_whole(make_hub, make_source):
    a = make_hub()
    source = make_source(lambda *args: (200, []))
    register(a, source.url, ROOMS)
    a.get(NGSI + "/entities?type=Room&q=temperature>20&scopeQ=/a&georel=near;maxDistance==10&geometry=Point&coordinates=[1,2]")
    asked = query(source.requests[-1][1])
    assert (asked["q"], asked["scopeQ"], asked["georel"]) == ("temperature>20", "/a", "near;maxDistance==10")
    a.get(NGSI + "/entities?type=Room&q=temperature>20&splitEntities=true")
    assert "q" not in query(source.requests[-1][1])


def test_split_entities_are_filtered_whole(make_hub):
    """4.3.6.7: with split entities the filters apply to what was put together."""
    a, b = make_hub(), make_hub()
    create(a, *(entity(n, floor=n) for n in range(1, 6)))
    create(b, *(entity(n, temperature=20 + n) for n in range(1, 6)))
    register(a, b.url, {"entities": [{"type": "Room"}], "propertyNames": ["temperature"]})
    assert names(a.get(NGSI + "/entities?type=Room&q=temperature>22;floor<5")) == ["3", "4"]
    assert names(a.get(NGSI + "/entities?type=Room&q=temperature>22;floor<5&splitEntities=false")) == []


def test_pages_over_two_hubs(make_hub):
    a, b = make_hub(), make_hub()
    create(a, *(entity(n, x=n) for n in range(10, 15)))
    create(b, *(entity(n, x=n) for n in range(13, 20)))
    register(a, b.url, ROOMS)
    seen, path = [], NGSI + "/entities?type=Room&limit=3&count=true"
    while path:
        answer = a.get(path)
        assert answer.headers["NGSILD-Results-Count"] == "10"
        seen += names(answer)
        links = [l for l in answer.headers["Link"].split(", <") if 'rel="next"' in l]
        path = links[0].split(">")[0].lstrip("<") if links else None
    assert seen == [str(n) for n in range(10, 20)]


def test_a_source_with_many_pages(make_hub):
    """More than one page of a source is read."""
    a, b = make_hub(), make_hub()
    many = [entity(f"{n:04}", x=n) for n in range(1500)]
    assert b.post(NGSI + "/entityOperations/create", many).status == 201
    register(a, b.url, ROOMS)
    answer = a.get(NGSI + "/entities?type=Room&limit=10&offset=1490&count=true")
    assert answer.headers["NGSILD-Results-Count"] == "1500" and names(answer)[-1] == "1499"


def test_query_by_body(make_hub):
    a, b = make_hub(), make_hub()
    create(b, entity(1, temperature=20), entity(2, temperature=30))
    register(a, b.url, ROOMS)
    answer = a.post(NGSI + "/entityOperations/query", {"type": "Query", "entities": [{"type": "Room"}, {"type": "Car"}],
                                                       "q": "temperature>25"})
    assert names(answer) == ["2"]


def test_context_source_filter(make_hub):
    """5.7.2: csf chooses among the sources by their properties."""
    a, b = make_hub(), make_hub()
    create(b, entity(1))
    register(a, b.url, ROOMS, registrationName="north")
    assert names(a.get(NGSI + '/entities?type=Room&csf=registrationName=="north"')) == ["1"]
    assert names(a.get(NGSI + '/entities?type=Room&csf=registrationName=="south"')) == []


# ---- what a source is told ----


def test_what_is_conveyed(make_hub, make_source):
    """4.3.6.5, 6.3.18, 6.3.19: tenant, contextSourceInfo, Via, management.localOnly."""
    a = make_hub()
    source = make_source(lambda *args: (200, []))
    register(a, source.url, ROOMS, tenant="north", management={"localOnly": True},
             contextSourceInfo=[{"key": "X-Key", "value": "secret"}, {"key": "X-Who", "value": "urn:ngsi-ld:request"},
                                {"key": "X-None", "value": "urn:ngsi-ld:request"}])
    a.get(NGSI + "/entities?type=Room", headers={"X-Who": "me", "Via": "1.1 elsewhere"})
    method, path, headers, _ = source.requests[-1]
    assert (headers["NGSILD-Tenant"], headers["X-Key"], headers["X-Who"]) == ("north", "secret", "me")
    assert "X-None" not in headers and headers["Via"].startswith("1.1 elsewhere, 1.1 ")
    assert query(path)["local"] == "true" and query(path)["options"] == "sysAttrs"


def test_names_are_expanded_for_the_source(make_hub, make_source):
    """Names go out as IRIs, so that no source needs the client's @context; the filter on them is held here."""
    a = make_hub()
    context = a.post("/ngsi-ld/v1/jsonldContexts", {"@context": {"Room": "https://x.org/Room", "t": "https://x.org/t"}})
    link = {"Link": f'<{a.url}{context.headers["Location"]}>; rel="http://www.w3.org/ns/json-ld#context"'}
    rooms = [{"id": f"urn:x:{n}", "type": "https://x.org/Room", "https://x.org/t": {"type": "Property", "value": n}}
             for n in (1, 2)]
    source = make_source(lambda *args: (200, rooms))
    register(a, source.url, {"entities": [{"type": "https://x.org/Room"}]})
    got = a.get(NGSI + "/entities?type=Room&q=t>1&options=keyValues", headers=link).json
    assert got == [{"id": "urn:x:2", "type": "Room", "t": 2}]
    assert query(source.requests[-1][1])["type"] == "https://x.org/Room" and "q" not in query(source.requests[-1][1])


# ---- what goes wrong ----


@pytest.mark.parametrize("answer, code", [
    ((200, b"<html>"), 111), ((200, {"not": "a list"}), 111), ((200, [{"id": "no type"}]), 111),
    ((403, {}), 299), ((500, {}), 299), ((404, {}), None)])
def test_bad_answers_become_warnings(make_hub, make_source, answer, code):
    a = make_hub()
    create(a, entity(1))
    register(a, make_source(lambda *args: answer).url, ROOMS)
    got = a.get(NGSI + "/entities?type=Room")
    assert names(got) == ["1"] and warnings(got) == ([code] if code else [])


def test_dead_and_slow_sources_delay_nobody(make_hub, make_source):
    """6.3.17: what answers is there in time; what does not is a warning; other requests go on meanwhile."""
    a, b = make_hub(), make_hub()
    create(b, entity(2))
    slow = make_source()
    slow.answer = slow.hang
    dead = make_source()
    dead.stop()
    register(a, b.url, ROOMS)
    register(a, slow.url, ROOMS, management={"timeout": 300})
    register(a, dead.url, ROOMS)
    start = time.monotonic()
    got = a.get(NGSI + "/entities?type=Room")
    assert names(got) == ["2"] and warnings(got) == [199, 199] and time.monotonic() - start < 3
    got = a.get(NGSI + "/entities/urn:ngsi-ld:Room:9")
    assert got.status == 404 and warnings(got) == [199, 199]


def test_cooldown(make_hub, make_source):
    """5.2.34: after a failure the source is left alone for its cooldown."""
    a = make_hub()
    source = make_source(lambda *args: (500, {}))
    register(a, source.url, ROOMS, management={"cooldown": 60000})
    assert warnings(a.get(NGSI + "/entities?type=Room")) == [299]
    assert warnings(a.get(NGSI + "/entities?type=Room")) == [199] and len(source.requests) == 1


def test_cached_answers(make_hub, make_source):
    """6.3.17, warning 110: within cacheDuration the source is not asked again; other headers are another request."""
    a = make_hub()
    source = make_source(lambda *args: (200, [entity(1)]))
    register(a, source.url, ROOMS, management={"cacheDuration": "PT1H"},
             contextSourceInfo=[{"key": "X-Who", "value": "urn:ngsi-ld:request"}])
    ask = lambda who: a.get(NGSI + "/entities?type=Room", headers={"X-Who": who})
    assert warnings(ask("me")) == [] and warnings(ask("me")) == [110] and names(ask("me")) == ["1"]
    assert warnings(ask("you")) == [] and len(source.requests) == 2


def test_statistics(make_hub, make_source):
    """5.2.9: how a registration fares."""
    a = make_hub()
    source = make_source(lambda *args: (200, []))
    registration = NGSI + "/csourceRegistrations/" + register(a, source.url, ROOMS)
    a.get(NGSI + "/entities?type=Room")
    said = a.get(registration).json
    assert (said["timesSent"], said["status"]) == (1, "ok") and "lastSuccess" in said and "lastFailure" not in said
    source.answer = lambda *args: (500, {})
    a.get(NGSI + "/entities?type=Room")
    said = a.get(registration).json
    assert (said["timesSent"], said["timesFailed"], said["status"]) == (2, 1, "failed") and "lastFailure" in said


# ---- circles ----


def test_a_circle_of_two_ends(make_hub):
    a, b = make_hub(), make_hub()
    create(a, entity(1))
    create(b, entity(2))
    register(a, b.url, ROOMS)
    register(b, a.url, ROOMS)
    got = a.get(NGSI + "/entities?type=Room")
    assert names(got) == ["1", "2"]
    assert names(b.get(NGSI + "/entities?type=Room")) == ["1", "2"]


def test_seen_before_is_refused(make_hub, make_source):
    """6.3.17, 508: a request that names this hub in Via has been here."""
    a = make_hub()
    source = make_source(lambda *args: (200, []))
    register(a, source.url, ROOMS)
    a.get(NGSI + "/entities?type=Room")
    via = source.requests[-1][2]["Via"]
    answer = a.get(NGSI + "/entities?type=Room", headers={"Via": "1.1 x, " + via})
    assert answer.status == 508 and len(source.requests) == 1
    assert a.get(NGSI + "/entities?type=Room&local=true", headers={"Via": via}).status == 200


def test_sources_named_in_via_are_left_out(make_hub, make_source):
    a = make_hub()
    source = make_source(lambda *args: (200, [entity(1)]))
    register(a, source.url, ROOMS, contextSourceAlias="north")
    assert names(a.get(NGSI + "/entities?type=Room", headers={"Via": "1.1 north"})) == []
    assert source.requests == []
