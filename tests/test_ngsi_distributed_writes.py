# SPDX-License-Identifier: Apache-2.0
"""Writing over several context sources (4.3.6, 5.6, 6.3.17): what goes where, and what the client is told."""
import json

import pytest

from sources import NGSI, Source, create, entity, register

ALL = ["redirectionOps", "mergeEntity", "replaceEntity"]
ROOMS = {"entities": [{"type": "Room"}]}
ROOM_1 = {"entities": [{"type": "Room", "id": "urn:ngsi-ld:Room:1"}]}
ONE = NGSI + "/entities/urn:ngsi-ld:Room:1"


@pytest.fixture
def make_source():
    sources = []

    def make(answer=None):
        source = Source(answer or (lambda method, *args: (201 if method == "POST" else 204, {})))
        sources.append(source)
        return source

    yield make
    for source in sources:
        source.stop()


def values(hub, path=ONE):
    answer = hub.get(path + "?options=keyValues&local=true")
    return {k: v for k, v in answer.json.items() if k not in ("id", "type")} if answer.status == 200 else None


def errors(answer):
    assert answer.status == 207, answer
    return [(e.get("registrationId"), e["error"]["status"]) for e in answer.json["errors"]]


# ---- who gets what ----


def test_exclusive_attributes_live_elsewhere(make_hub):
    """5.6.1: what an exclusive registration claims goes there alone, the rest stays."""
    a, b = make_hub(), make_hub()
    register(a, b.url, {**ROOM_1, "propertyNames": ["temperature", "humidity"]}, mode="exclusive", operations=ALL)
    assert a.post(NGSI + "/entities", entity(1, name="hall", temperature=20, humidity=40)).status == 201
    assert values(a) == {"name": "hall"} and values(b) == {"temperature": 20, "humidity": 40}
    assert a.patch(ONE + "/attrs", {"temperature": {"type": "Property", "value": 21}}).status == 204
    assert a.patch(ONE + "/attrs/humidity", {"type": "Property", "value": 41}).status == 204
    assert a.patch(ONE, {"name": {"type": "Property", "value": "room"}, "temperature": {"type": "Property", "value": 22}}).status == 204
    assert values(a) == {"name": "room"} and values(b) == {"temperature": 22, "humidity": 41}
    assert a.put(ONE + "/attrs/humidity", {"type": "Property", "value": 42}).status == 204
    assert a.delete(ONE + "/attrs/temperature").status == 204
    assert values(b) == {"humidity": 42}
    assert a.put(ONE, entity(1, temperature=1, name="new")).status == 204
    assert values(a) == {"name": "new"} and values(b) == {"temperature": 1}
    assert a.delete(ONE).status == 204 and values(a) is None and values(b) is None


def test_redirect_takes_the_whole_entity(make_hub):
    a, b, c = make_hub(), make_hub(), make_hub()
    register(a, b.url, ROOMS, mode="redirect", operations=ALL)
    register(a, c.url, {**ROOMS, "propertyNames": ["humidity"]}, mode="redirect", operations=ALL)
    assert a.post(NGSI + "/entities", entity(1, temperature=20, humidity=40)).status == 201
    assert values(a) is None
    assert values(b) == {"temperature": 20, "humidity": 40} and values(c) == {"humidity": 40}
    assert a.post(ONE + "/attrs", {"more": {"type": "Property", "value": 1}}).status == 204
    assert values(a) is None and values(b)["more"] == 1


def test_inclusive_gets_a_copy_if_it_takes_writes(make_hub, make_source):
    a, b = make_hub(), make_hub()
    reader = make_source()
    register(a, b.url, {**ROOMS, "propertyNames": ["temperature"]}, operations=["createEntity", "mergeEntity"])
    register(a, reader.url, ROOMS)
    register(a, reader.url, ROOMS, mode="auxiliary", operations=["retrieveOps"])
    assert a.post(NGSI + "/entities", entity(1, temperature=20, name="a")).status == 201
    assert values(a) == {"temperature": 20, "name": "a"} and values(b) == {"temperature": 20}
    assert a.patch(ONE, {"name": {"type": "Property", "value": "b"}}).status == 204
    assert values(b) == {"temperature": 20} and reader.requests == []


def test_local_writes_stay_here(make_hub, make_source):
    a = make_hub()
    source = make_source()
    register(a, source.url, ROOMS, mode="redirect", operations=ALL)
    assert a.post(NGSI + "/entities?local=true", entity(1, x=1)).status == 201
    assert values(a) == {"x": 1} and source.requests == []


def test_types_of_known_entities_decide(make_hub, make_source):
    """A registration of Rooms does not concern a Car that is known here, though the path names no type."""
    a = make_hub()
    create(a, entity(1, "Car", x=1))
    source = make_source()
    register(a, source.url, ROOMS, mode="redirect", operations=ALL)
    assert a.patch(NGSI + "/entities/urn:ngsi-ld:Car:1/attrs", {"x": {"type": "Property", "value": 2}}).status == 204
    assert values(a, NGSI + "/entities/urn:ngsi-ld:Car:1") == {"x": 2} and source.requests == []


def test_what_a_source_gets(make_hub, make_source):
    """Payloads are normalized, names as IRIs, in the media type that the source wants."""
    a = make_hub()
    context = {"Room": "https://x.org/Room", "t": "https://x.org/t", "here": "https://x.org/here"}
    source = make_source()
    register(a, source.url, {"entities": [{"type": "https://x.org/Room", "id": "urn:x:1"}], "propertyNames": ["https://x.org/t"]},
             mode="exclusive", operations=ALL, contextSourceInfo=[{"key": "contentType", "value": "application/ld+json"}])
    answer = a.post(NGSI + "/entities", json.dumps({"@context": context, "id": "urn:x:1", "type": "Room", "t": 1, "here": 2}).encode(),
                    headers={"Content-Type": "application/ld+json"})
    assert answer.status == 201
    _, _, headers, body = source.requests[-1]
    sent = json.loads(body)
    assert headers["Content-Type"] == "application/ld+json" and sent.pop("@context").endswith("core-context-v1.9.jsonld")
    assert sent == {"id": "urn:x:1", "type": "https://x.org/Room", "https://x.org/t": {"type": "Property", "value": 1}}


def test_context_of_the_source(make_hub, make_source):
    """4.3.6.6: with jsonldContext names are compacted by it, and it goes along as a Link."""
    a = make_hub()
    context = a.post("/ngsi-ld/v1/jsonldContexts", {"@context": {"Zimmer": "https://x.org/Room", "warm": "https://x.org/t"}})
    url = a.url + context.headers["Location"]
    source = make_source(lambda method, *args: (201, {}) if method == "POST" else
                         (200, {"id": "urn:x:1", "type": "Zimmer", "warm": {"type": "Property", "value": 7}}))
    register(a, source.url, {"entities": [{"type": "https://x.org/Room"}]}, mode="redirect", operations=ALL,
             contextSourceInfo=[{"key": "jsonldContext", "value": url}])
    assert a.post(NGSI + "/entities", {"id": "urn:x:1", "type": "https://x.org/Room", "https://x.org/t": 1}).status == 201
    _, _, headers, body = source.requests[-1]
    assert url in headers["Link"] and headers["Content-Type"] == "application/json"
    assert json.loads(body) == {"id": "urn:x:1", "type": "Zimmer", "warm": {"type": "Property", "value": 1}}
    got = a.get(NGSI + "/entities/urn:x:1?options=keyValues").json
    assert got["https://x.org/t"] == 7 and got["type"] == "https://x.org/Room"


# ---- what the client is told ----


@pytest.mark.parametrize("status, told", [(404, 404), (409, 409), (403, 502), (500, 502), (508, 508)])
def test_one_source_fails(make_hub, make_source, status, told):
    """6.3.17: where all the data are in one source, its failure is the answer."""
    a = make_hub()
    register(a, make_source(lambda *args: (status, {})).url, ROOMS, mode="redirect", operations=ALL)
    assert a.post(NGSI + "/entities", entity(1, x=1)).status == told and values(a) is None


def test_slow_and_dead_sources(make_hub, make_source):
    a = make_hub()
    slow, dead = make_source(), make_source()
    slow.answer = slow.hang
    dead.stop()
    register(a, slow.url, ROOM_1, mode="redirect", operations=ALL, management={"timeout": 200})
    register(a, dead.url, {"entities": [{"type": "Car"}]}, mode="redirect", operations=ALL)
    assert a.post(NGSI + "/entities", entity(1, x=1)).status == 504
    assert a.post(NGSI + "/entities", entity(1, "Car", x=1)).status == 502


def test_in_part(make_hub, make_source):
    """207 says which registration failed: BatchOperationResult for entities, UpdateResult for attributes."""
    a = make_hub()
    registration = register(a, make_source(lambda *args: (500, {})).url, {**ROOM_1, "propertyNames": ["temperature"]},
                            mode="exclusive", operations=ALL)
    answer = a.post(NGSI + "/entities", entity(1, temperature=1, name="a"))
    assert errors(answer) == [(registration, 502)] and answer.json["success"] == ["urn:ngsi-ld:Room:1"]
    assert answer.headers["Location"] == ONE and values(a) == {"name": "a"}
    for method in (a.post, a.patch):
        answer = method(ONE + "/attrs", {"temperature": {"type": "Property", "value": 1}, "name": {"type": "Property", "value": "b"}})
        assert answer.status == 207 and answer.json["updated"] == ["name"]
        assert [(n["attributeName"], n["registrationId"]) for n in answer.json["notUpdated"]] == [("temperature", registration)]
    assert errors(a.patch(ONE, {"temperature": {"type": "Property", "value": 1}, "name": {"type": "Property", "value": "b"}})) == \
        [(registration, 502)]
    assert errors(a.delete(ONE)) == [(registration, 502)] and values(a) is None


def test_not_offered_is_a_conflict(make_hub, make_source):
    """5.6.1.4 and alike: a claimed part whose source does not take the operation: 409, or 207 in part."""
    a = make_hub()
    registration = register(a, make_source().url, {**ROOM_1, "propertyNames": ["temperature"]}, mode="exclusive",
                            operations=["retrieveOps"])
    assert a.post(NGSI + "/entities", entity(1, temperature=1)).status == 409 and values(a) is None
    assert errors(a.post(NGSI + "/entities", entity(1, temperature=1, name="a"))) == [(registration, 409)]
    assert a.delete(ONE + "/attrs/temperature").status == 409
    assert a.patch(ONE + "/attrs/temperature", {"value": 1}).status == 409


def test_local_failures(make_hub):
    a, b = make_hub(), make_hub()
    create(a, entity(1, name="a"))
    register(a, b.url, {**ROOMS, "propertyNames": ["temperature"]}, operations=ALL)
    answer = a.post(NGSI + "/entities", entity(1, temperature=1))
    assert errors(answer) == [(None, 409)] and values(b) == {"temperature": 1}
    assert a.delete(NGSI + "/entities/urn:ngsi-ld:Room:9").status == 404
    create(b, entity(2, temperature=1))
    assert a.patch(NGSI + "/entities/urn:ngsi-ld:Room:2/attrs", {"temperature": {"type": "Property", "value": 2}}).status == 204
    assert values(b, NGSI + "/entities/urn:ngsi-ld:Room:2") == {"temperature": 2}


def test_partly_done_by_the_source(make_hub, make_source):
    """A source's own 207 is passed on by attribute."""
    a = make_hub()
    source = make_source(lambda *args: (207, {"updated": ["x"], "notUpdated": [{"attributeName": "y", "reason": "because"}]}))
    registration = register(a, source.url, ROOMS, mode="redirect", operations=ALL)
    answer = a.post(ONE + "/attrs", {k: {"type": "Property", "value": 1} for k in ("x", "y")})
    assert answer.status == 207 and answer.json == {
        "updated": ["x"], "notUpdated": [{"attributeName": "y", "reason": "because", "registrationId": registration}]}


def test_write_loops(make_hub):
    """508: two hubs that redirect to each other."""
    a, b = make_hub(), make_hub()
    register(a, b.url, ROOMS, mode="redirect", operations=ALL)
    register(b, a.url, ROOMS, mode="redirect", operations=ALL)
    assert a.post(NGSI + "/entities", entity(1, x=1)).status == 508
    assert values(a) is None and values(b) is None


def test_a_source_named_in_via_gets_nothing(make_hub, make_source):
    a = make_hub()
    source = make_source()
    register(a, source.url, ROOMS, mode="redirect", operations=ALL, contextSourceAlias="north")
    assert a.post(NGSI + "/entities", entity(1, x=1), headers={"Via": "1.1 north"}).status == 508
    assert source.requests == [] and values(a) is None


def test_appending_without_overwriting(make_hub):
    a, b = make_hub(), make_hub()
    register(a, b.url, {**ROOM_1, "propertyNames": ["t"]}, mode="exclusive", operations=ALL)
    create(a, entity(1, t=1, n=1))
    answer = a.post(ONE + "/attrs?options=noOverwrite", {k: {"type": "Property", "value": 2} for k in ("t", "n", "m")})
    assert answer.status == 207 and answer.json["updated"] == ["m"]
    assert values(a) == {"n": 1, "m": 2} and values(b) == {"t": 1}


def test_the_scope_goes_everywhere(make_hub):
    a, b = make_hub(), make_hub()
    register(a, b.url, ROOMS, operations=ALL)
    assert a.post(NGSI + "/entities", {**entity(1, x=1), "scope": "/a"}).status == 201
    assert a.delete(ONE + "/attrs/scope").status == 204
    assert "scope" not in values(a) and "scope" not in values(b)
