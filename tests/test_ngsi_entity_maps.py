# SPDX-License-Identifier: Apache-2.0
"""Entity maps (4.5.25, 5.5.14, 5.14, 6.32, 6.34): what a query found, and where, for the pages that follow."""
import datetime

import pytest

from sources import NGSI, Source, create, entity, register

MAPS = NGSI + "/entityMaps"
ROOMS = {"entities": [{"type": "Room"}]}


@pytest.fixture
def two(make_hub):
    """a knows b; Rooms 1 – 4 here, 3 – 6 there."""
    a, b = make_hub(), make_hub()
    create(a, *(entity(n, floor=n) for n in range(1, 5)))
    create(b, *(entity(n, temperature=20 + n) for n in range(3, 7)))
    a.registration = register(a, b.url, ROOMS)
    return a, b


def names(answer):
    assert answer.status in (200, 201), answer
    return [e["id"].rsplit(":", 1)[1] for e in answer.json]


def time_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_made_by_a_query(two):
    a, b = two
    answer = a.get(NGSI + "/entities?type=Room&entityMap=true&limit=2")
    assert answer.status == 201 and names(answer) == ["1", "2"]
    made = a.get(answer.headers["NGSILD-EntityMap"]).json
    assert made["type"] == "EntityMap" and answer.headers["NGSILD-EntityMap"].endswith(made["id"])
    assert made["entityMap"] == {f"urn:ngsi-ld:Room:{n}": ["@none"] * (n < 5) + [a.registration] * (n > 2) for n in range(1, 7)}
    linked = made["linkedMaps"][a.registration]
    assert sorted(b.get(MAPS + "/" + linked).json["entityMap"]) == [f"urn:ngsi-ld:Room:{n}" for n in range(3, 7)]


def test_pages_come_from_the_map(two):
    """The map fixes the entities: what is new is not on its pages, what is gone leaves it."""
    a, b = two
    uri = a.get(NGSI + "/entities?type=Room&entityMap=true&limit=2").headers["NGSILD-EntityMap"]
    create(a, entity(0, floor=0))
    page = lambda offset: a.get(f"{NGSI}/entities?type=Room&limit=2&offset={offset}&options=keyValues", headers={"NGSILD-EntityMap": uri})
    second = page(2)
    assert second.status == 200 and names(second) == ["3", "4"] and second.headers["NGSILD-EntityMap"] == uri
    assert second.json[0] == {"id": "urn:ngsi-ld:Room:3", "type": "Room", "floor": 3, "temperature": 23}
    assert b.delete(NGSI + "/entities/urn:ngsi-ld:Room:5").status == 204
    assert names(page(4)) == ["6"] and 'rel="next"' not in page(4).headers["Link"]
    assert "urn:ngsi-ld:Room:5" not in a.get(uri).json["entityMap"]


def test_only_the_sources_of_the_page_are_asked(make_hub):
    a = make_hub()
    asked = []
    def answer(method, path, *_):
        asked.append(path)
        return 200, [entity(9, x=1)]
    source = Source(answer)
    create(a, entity(1), entity(2))
    register(a, source.url, ROOMS)
    uri = a.get(NGSI + "/entities?type=Room&entityMap=true&limit=1").headers["NGSILD-EntityMap"]
    del asked[:]
    with_map = {"NGSILD-EntityMap": uri}
    assert names(a.get(NGSI + "/entities?type=Room&limit=2", headers=with_map)) == ["1", "2"] and asked == []
    assert names(a.get(NGSI + "/entities?type=Room&limit=2&offset=2", headers=with_map)) == ["9"]
    assert len(asked) == 1 and "id=urn%3Angsi-ld%3ARoom%3A9" in asked[0]
    source.stop()


def test_made_alone(two):
    """5.14.4: GET and POST /entityMaps; paging parameters count for nothing."""
    a, _ = two
    got = a.get(MAPS + "?type=Room&limit=1")
    assert got.status == 201 and len(got.json["entityMap"]) == 6 and got.headers["NGSILD-EntityMap"].endswith(got.json["id"])
    got = a.post(MAPS, {"type": "Query", "entities": [{"type": "Room"}], "q": "floor>2"})
    assert got.status == 201 and sorted(got.json["entityMap"]) == ["urn:ngsi-ld:Room:3", "urn:ngsi-ld:Room:4"]
    assert names(a.get(NGSI + "/entities?type=Room&q=floor>2", headers={"NGSILD-EntityMap": got.headers["NGSILD-EntityMap"]})) == ["3", "4"]


def test_without_any_registration(make_hub):
    a = make_hub()
    create(a, entity(1), entity(2))
    made = a.get(MAPS + "?type=Room")
    assert made.status == 201 and made.json["entityMap"] == {f"urn:ngsi-ld:Room:{n}": ["@none"] for n in (1, 2)}
    assert made.json["linkedMaps"] == {}


def test_of_one_entity(two):
    """5.7.1: with the map only the sources in it are asked."""
    a, b = two
    got = a.get(NGSI + "/entities/urn:ngsi-ld:Room:5?entityMap=true")
    uri = got.headers["NGSILD-EntityMap"]
    assert a.get(uri).json["entityMap"] == {"urn:ngsi-ld:Room:5": [a.registration]}
    b.stop()
    again = a.get(NGSI + "/entities/urn:ngsi-ld:Room:1", headers={"NGSILD-EntityMap": uri})
    assert again.status == 200 and again.headers["NGSILD-Warning"] is None
    b.start()


def test_lifetime(two):
    a, _ = two
    now = datetime.datetime.now(datetime.timezone.utc)
    made = a.get(MAPS + "?type=Room&entityMapLifetime=PT1H").json
    assert 3500 < (time_of(made["expiresAt"]) - now).total_seconds() < 3700
    too_long = a.get(MAPS + "?type=Room&entityMapLifetime=P30D").json
    assert (time_of(too_long["expiresAt"]) - now).total_seconds() < 86500
    assert a.get(MAPS + "?type=Room&entityMapLifetime=long").status == 400


def test_prolonged_and_expired(two):
    """5.14.2: only expiresAt can change; a map that has expired is gone, and a query makes a new one."""
    a, _ = two
    uri = a.get(MAPS + "?type=Room").headers["NGSILD-EntityMap"]
    later = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert a.patch(uri, {"expiresAt": later, "entityMap": {}}).status == 204
    kept = a.get(uri).json
    assert kept["expiresAt"] == later and len(kept["entityMap"]) == 6
    assert a.patch(uri, {"expiresAt": "2020-01-01T00:00:00Z"}).status == 204
    assert a.get(uri).status == 404 and a.patch(uri, {"expiresAt": later}).status == 404
    answer = a.get(NGSI + "/entities?type=Room&limit=1", headers={"NGSILD-EntityMap": uri})
    assert answer.status == 201 and answer.headers["NGSILD-EntityMap"] != uri


def test_deleted(two):
    a, _ = two
    uri = a.get(MAPS + "?type=Room").headers["NGSILD-EntityMap"]
    assert a.delete(uri).status == 204 and a.delete(uri).status == 404 and a.get(uri).status == 404


@pytest.mark.parametrize("body", [{}, {"expiresAt": "soon"}, {"expiresAt": 5}, {"expiresAt": "2030-01-01T00:00:00Z", "x": 1}, []])
def test_bad_changes(two, body):
    a, _ = two
    uri = a.get(MAPS + "?type=Room").headers["NGSILD-EntityMap"]
    assert a.patch(uri, body).status == 400


def test_bad_requests(two):
    a, _ = two
    assert a.get(MAPS).status == 400 and a.get(MAPS + "/no-uri").status == 400
    assert a.get(MAPS + "/urn:ngsi-ld:EntityMap:none").status == 404
    assert a.get(NGSI + "/entities?type=Room&entityMap=perhaps").status == 400


def test_maps_of_a_tenant_are_its_own(two):
    a, _ = two
    assert a.post(NGSI + "/entities", entity(1), headers={"NGSILD-Tenant": "north"}).status == 201
    uri = a.get(MAPS + "?type=Room").headers["NGSILD-EntityMap"]
    assert a.get(uri, headers={"NGSILD-Tenant": "north"}).status == 404
