# SPDX-License-Identifier: Apache-2.0
"""Linked entities (4.5.23, 4.5.4, 5.7.1, 5.7.2) and projections into them (4.21)."""
import urllib.parse

import pytest

E = "/ngsi-ld/v1/entities"
Q = "/ngsi-ld/v1/entityOperations/query"
VEHICLE, PARKING, COMPANY = "urn:ngsi-ld:Vehicle:A4567", "urn:ngsi-ld:OffStreetParking:Downtown1", "urn:ngsi-ld:Company:Corp"


def person(name):
    return f"urn:ngsi-ld:Person:{name}"


def rel(target, **more):
    return {"type": "Relationship", "object": target, **more}


def named(identifier, name, **attributes):
    return {"id": identifier, "type": identifier.split(":")[2], "name": {"type": "Property", "value": name}, **attributes}


@pytest.fixture
def graph(hub):
    """The vehicle of annex C.2.2: a parking that a company operates, passengers, a route; the company owns the vehicle."""
    entities = [
        named(VEHICLE, "car", isParked=rel(PARKING, objectType="OffStreetParking", providedBy=rel(person("Bob"))),
              passengers=rel([person("Alice"), person("Bob"), person("Nobody")]),
              route={"type": "ListRelationship", "objectList": [{"object": "urn:ngsi-ld:City:Antwerp"}, {"object": "urn:ngsi-ld:City:Gone"},
                                                                {"object": "urn:ngsi-ld:City:Amsterdam"}]}),
        named(PARKING, "Top Parking", operatedBy=rel(COMPANY), location={"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}}),
        named(COMPANY, "Corp", owns=rel(VEHICLE), employs=rel(person("Bob"))),
        named(person("Alice"), "Alice"), named(person("Bob"), "Bob"),
        named("urn:ngsi-ld:City:Antwerp", "Antwerp"), named("urn:ngsi-ld:City:Amsterdam", "Amsterdam"),
    ]
    assert hub.post("/ngsi-ld/v1/entityOperations/create", entities).status == 201
    return hub


def get(hub, path, accept=None, **parameters):
    answer = hub.get(f"{path}?{urllib.parse.urlencode(parameters)}", headers={"Accept": accept} if accept else {})
    assert answer.status == 200, answer
    return answer.json


def names(entities):
    return [e["name"]["value"] for e in entities]


def test_inline_normalized(graph):
    vehicle = get(graph, f"{E}/{VEHICLE}", join="inline")
    assert vehicle["isParked"]["object"] == PARKING and vehicle["isParked"]["objectType"] == "OffStreetParking"
    assert vehicle["isParked"]["entity"] == named(PARKING, "Top Parking", operatedBy=rel(COMPANY),
                                                  location={"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}})
    assert names(vehicle["passengers"]["entity"]) == ["Alice", "Bob"]
    assert names(vehicle["route"]["entityList"]) == ["Antwerp", "Amsterdam"]
    assert len(vehicle["route"]["objectList"]) == 3 and "entity" not in vehicle["route"]
    assert vehicle["isParked"]["providedBy"] == rel(person("Bob"))  # a Relationship of a Relationship stays as it is


def test_inline_concise_and_simplified(graph):
    concise = get(graph, f"{E}/{VEHICLE}", join="inline", format="concise")
    assert concise["isParked"]["entity"]["name"] == "Top Parking" and "type" not in concise["isParked"]
    assert [c["name"] for c in concise["route"]["entityList"]] == ["Antwerp", "Amsterdam"]
    simple = get(graph, f"{E}/{VEHICLE}", join="inline", format="simplified")
    assert simple["isParked"] == {"id": PARKING, "type": "OffStreetParking", "name": "Top Parking", "operatedBy": COMPANY,
                                  "location": {"type": "Point", "coordinates": [1, 2]}}
    assert simple["passengers"] == [{"id": person("Alice"), "type": "Person", "name": "Alice"},
                                    {"id": person("Bob"), "type": "Person", "name": "Bob"}, person("Nobody")]
    assert [r if isinstance(r, str) else r["name"] for r in simple["route"]] == ["Antwerp", "urn:ngsi-ld:City:Gone", "Amsterdam"]


def test_inline_features(graph):
    feature = get(graph, f"{E}/{VEHICLE}", "application/geo+json", join="inline", format="simplified", geometryProperty="location")
    assert feature["type"] == "Feature" and feature["properties"]["isParked"]["name"] == "Top Parking"
    assert "@context" not in feature["properties"]["isParked"]


def test_levels_and_cycles(graph):
    one = get(graph, f"{E}/{VEHICLE}", join="inline", joinLevel=1)
    assert "entity" not in one["isParked"]["entity"]["operatedBy"]
    company = get(graph, f"{E}/{VEHICLE}", join="inline", joinLevel=2)["isParked"]["entity"]["operatedBy"]["entity"]
    assert company["id"] == COMPANY and "entity" not in company["owns"]
    deep = get(graph, f"{E}/{VEHICLE}", join="inline", joinLevel=10)["isParked"]["entity"]["operatedBy"]["entity"]
    assert "entity" not in deep["owns"]  # the vehicle itself: a circle
    assert "entity" not in deep["employs"]  # Bob was met nearer, as a passenger
    start = get(graph, f"{E}/{PARKING}", join="inline", joinLevel=10)
    assert start["operatedBy"]["entity"]["owns"]["entity"]["id"] == VEHICLE


def test_contained_by(graph):
    vehicle = get(graph, f"{E}/{VEHICLE}", join="inline", joinLevel=1, containedBy=f"{PARKING},{person('Bob')}")
    assert "entity" not in vehicle["isParked"] and names(vehicle["passengers"]["entity"]) == ["Alice"]
    flat = get(graph, f"{E}/{VEHICLE}", join="flat", joinLevel=1, containedBy=PARKING)
    assert PARKING not in [e["id"] for e in flat]


def test_flat(graph):
    flat = get(graph, f"{E}/{VEHICLE}", join="flat")
    assert names(flat) == ["car", "Top Parking", "Alice", "Bob", "Antwerp", "Amsterdam"]
    assert flat[0]["isParked"]["object"] == PARKING and "entity" not in flat[0]["isParked"]
    deeper = get(graph, f"{E}/{VEHICLE}", join="flat", joinLevel=10, format="simplified")
    assert [e["name"] for e in deeper] == ["car", "Top Parking", "Alice", "Bob", "Antwerp", "Amsterdam", "Corp"]
    assert graph.post("/ngsi-ld/v1/entityOperations/upsert", flat).status == 204  # fit for batch operations
    features = get(graph, f"{E}/{VEHICLE}", "application/geo+json", join="flat")
    assert features["type"] == "FeatureCollection" and len(features["features"]) == 6
    assert "@context" in features and all("@context" not in f for f in features["features"])
    in_ld = get(graph, f"{E}/{VEHICLE}", "application/ld+json", join="flat")
    assert all("@context" in e for e in in_ld)


def test_none_is_the_default(graph):
    assert get(graph, f"{E}/{VEHICLE}", join="@none") == get(graph, f"{E}/{VEHICLE}")


def test_queries(graph):
    both = get(graph, E, type="Vehicle|Company", join="inline", q="name")
    assert both[0]["isParked"]["entity"]["id"] == PARKING and both[1]["owns"]["entity"]["id"] == VEHICLE
    flat = get(graph, E, type="Vehicle|Company", join="flat")
    assert names(flat) == ["car", "Corp", "Top Parking", "Alice", "Bob", "Antwerp", "Amsterdam"]  # the car once, though Corp owns it
    answer = graph.get(f"{E}?type=Vehicle|Company&join=flat&limit=1&count=true")
    assert answer.headers["NGSILD-Results-Count"] == "2" and 'rel="next"' in answer.headers["Link"]  # linking entities count
    assert names(answer.json)[0] == "car"
    in_order = get(graph, E, type="Vehicle|Company", join="flat", orderBy="name;desc", local="true")
    assert names(in_order)[:2] == ["Corp", "car"]


def test_by_body(graph):
    body = {"type": "Query", "entities": [{"type": "Vehicle"}], "join": "inline", "joinLevel": 2, "pick": ["name", "isParked{operatedBy{name}}"]}
    answer = graph.post(Q + "?options=keyValues", body)
    assert answer.json == [{"name": "car", "isParked": {"operatedBy": {"name": "Corp"}}}]
    for wrong in ({"join": "outer"}, {"joinLevel": 0}, {"joinLevel": "1"}, {"containedBy": ["no uri"]}, {"join": "@none"}):
        assert graph.post(Q, {**body, **wrong}).status == 400, wrong


def test_projection_into_linked_entities(graph):
    picked = get(graph, f"{E}/{VEHICLE}", join="inline", joinLevel=2, format="simplified",
                 pick="id,passengers{name},isParked{name|operatedBy{name,type}}")
    assert picked == {"id": VEHICLE, "passengers": [{"name": "Alice"}, {"name": "Bob"}, person("Nobody")],
                      "isParked": {"name": "Top Parking", "operatedBy": {"name": "Corp", "type": "Company"}}}
    omitted = get(graph, f"{E}/{VEHICLE}", join="inline", format="simplified", omit="route,passengers,isParked{location|operatedBy,type}")
    assert omitted == {"id": VEHICLE, "type": "Vehicle", "name": "car", "isParked": {"id": PARKING, "name": "Top Parking"}}
    flat = get(graph, f"{E}/{VEHICLE}", join="flat", format="simplified", pick="name,isParked{name}")
    assert flat == [{"name": "car", "isParked": PARKING}, {"name": "Top Parking"}]


def test_projection_holds_for_all_entities(graph):
    """6.5.3.1: without braces the members listed are those of all entities in the payload."""
    picked = get(graph, f"{E}/{VEHICLE}", join="inline", format="simplified", pick="name,isParked")
    assert picked == {"name": "car", "isParked": {"name": "Top Parking"}}
    omitted = get(graph, f"{E}/{VEHICLE}", join="flat", omit="passengers,route,isParked,name")
    assert omitted == [{"id": VEHICLE, "type": "Vehicle"}]  # what is not returned is not followed


def test_q_into_linked_entities_needs_a_join(graph):
    assert [e["id"] for e in get(graph, E, q='isParked{name}=="Top Parking"', join="flat")][0] == VEHICLE
    assert get(graph, E, q='isParked{operatedBy{Company:name}}=="Corp"', join="inline", joinLevel=2)[0]["id"] == VEHICLE
    for parameters in ({}, {"join": "@none"}, {"join": "inline"}):
        text = urllib.parse.urlencode({"q": 'isParked{operatedBy{name}}=="Corp"', **parameters})
        assert graph.get(f"{E}?{text}").status == 400


def test_with_system_times_and_datasets(graph):
    assert graph.post(f"{E}/{VEHICLE}/attrs", {"isParked": rel(COMPANY, datasetId="urn:d:1")}).status == 204
    both = get(graph, f"{E}/{VEHICLE}", join="inline", options="sysAttrs", pick="isParked,createdAt")["isParked"]
    assert [i["entity"]["createdAt"][:2] for i in both] == ["20", "20"]
    one = get(graph, f"{E}/{VEHICLE}", join="flat", datasetId="urn:d:1")
    assert [e["id"] for e in one] == [VEHICLE, COMPANY]
    sets = get(graph, f"{E}/{VEHICLE}", join="inline", format="simplified", pick="id,isParked")["isParked"]["dataset"]
    assert {k: v["id"] for k, v in sets.items()} == {"@none": PARKING, "urn:d:1": COMPANY}


def test_too_many_linked_entities(hub):
    many = [{"id": f"urn:ngsi-ld:Leaf:{n}", "type": "Leaf"} for n in range(5100)]
    assert hub.post("/ngsi-ld/v1/entityOperations/create", many).status == 201
    assert hub.post(E, {"id": "urn:ngsi-ld:Tree:1", "type": "Tree", "has": rel([e["id"] for e in many])}).status == 201
    for join in ("flat", "inline"):
        answer = hub.get(f"{E}/urn:ngsi-ld:Tree:1?join={join}")
        assert answer.status == 403 and answer.json["type"].endswith("/TooManyResults")


@pytest.mark.parametrize("parameters, status", [
    ({"join": "outer"}, 400), ({"join": "inline", "joinLevel": "0"}, 400), ({"join": "inline", "joinLevel": "x"}, 400),
    ({"joinLevel": "1"}, 400), ({"containedBy": "urn:a:b"}, 400), ({"join": "flat", "containedBy": "not a uri"}, 400),
    ({"join": "inline", "joinLevel": "11"}, 403), ({"pick": "isParked{name}"}, 400), ({"omit": "isParked{name}"}, 400),
    ({"join": "inline", "pick": "isParked{operatedBy{name}}"}, 400), ({"join": "inline", "pick": "isParked{name"}, 400),
    ({"join": "inline", "pick": "isParked{}"}, 400), ({"join": "inline", "pick": "isParked}"}, 400), ({"join": "inline", "pick": "a,,b"}, 400),
    ({"join": "inline", "pick": "{a}"}, 400), ({"join": "inline", "pick": "isParked{a}b"}, 400), ({"pick": ""}, 400), ({"omit": "|"}, 400),
    ({"join": "inline", "pick": "a{" * 40 + "b" + "}" * 40}, 400),
])
def test_refuses(graph, parameters, status):
    for path in (f"{E}/{VEHICLE}?", f"{E}?type=Vehicle&"):
        answer = graph.get(path + urllib.parse.urlencode(parameters))
        assert answer.status == status and answer.json["detail"], answer
