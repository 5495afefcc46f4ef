# SPDX-License-Identifier: Apache-2.0
"""Which entities: by id and type (4.17, 5.2.33), by place (4.10), by scope (4.19); what of them is shown (pick, omit, attrs, datasetId)."""
import urllib.parse

import pytest

E = "/ngsi-ld/v1/entities"
Q = "/ngsi-ld/v1/entityOperations/query"
SQUARE = "[[[0,0],[10,0],[10,10],[0,10],[0,0]]]"


def geo(kind, coordinates):
    return {"type": kind, "coordinates": coordinates}


PLACES = {
    "inside": geo("Point", [5, 5]), "border": geo("Point", [10, 5]), "near": geo("Point", [10.001, 5]), "far": geo("Point", [100, 50]),
    "crossing": geo("LineString", [[5, 5], [20, 5]]), "same": geo("Polygon", [[[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]]),
    "around": geo("Polygon", [[[-5, -5], [15, -5], [15, 15], [-5, 15], [-5, -5]]]), "partly": geo("Polygon", [[[5, 5], [15, 5], [15, 15], [5, 15], [5, 5]]]),
    "two": geo("MultiPoint", [[5, 5], [6, 6]]),
}


def names(answer):
    assert answer.status == 200, answer
    return sorted(e["id"].rsplit(":", 1)[1] for e in answer.json)


def ask(hub, **parameters):
    return hub.get(f"{E}?{urllib.parse.urlencode({'limit': 100, **parameters})}")


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    from conftest import Hub
    hub = Hub(tmp_path_factory.mktemp("geo")).start()
    entities = [{"id": f"urn:ngsi-ld:{name}", "type": "Place", "location": g, "observationSpace": g} for name, g in PLACES.items()]
    entities.append({"id": "urn:ngsi-ld:nowhere", "type": "Place", "location": "here"})
    assert hub.post("/ngsi-ld/v1/entityOperations/create", entities).status == 201
    yield hub
    hub.stop()


@pytest.mark.parametrize("georel, expected", [
    ("within", {"inside", "same", "two"}), ("intersects", {"inside", "border", "crossing", "same", "around", "partly", "two"}), ("disjoint", {"near", "far"}),
    ("equals", {"same"}), ("contains", {"same", "around"}), ("overlaps", {"partly"}), ("near;maxDistance==200", set(PLACES) - {"far"}), ("near;minDistance==200", {"far"}),
    ("near;maxDistance==1.5e2", set(PLACES) - {"far"}),
])
@pytest.mark.parametrize("property", [None, "observationSpace"])
def test_relations(places, georel, expected, property):
    """With and without the index of places."""
    more = {"geoproperty": property} if property else {}
    found = names(ask(places, georel=georel, geometry="Polygon", coordinates=SQUARE, **more))
    assert set(found) == expected
    body = {"type": "Query", "geoQ": {"georel": georel, "geometry": "Polygon", "coordinates": [[[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]], **more}}
    assert names(places.post(Q + "?limit=100", body)) == found


def test_any_instance_may_match(hub):
    """5.7.2.4: of several instances of the GeoProperty one that meets the restriction is enough."""
    for name in ("location", "place"):
        several = [{"type": "GeoProperty", "value": geo("Point", [100, 50])}, {"type": "GeoProperty", "value": geo("Point", [5, 5]), "datasetId": "urn:d:1"}]
        assert hub.post(E, {"id": f"urn:ngsi-ld:{name}", "type": "Place", name: several}).status == 201
        for at in ("[5,5]", "[100,50]"):
            assert names(ask(hub, georel="near;maxDistance==10", geometry="Point", coordinates=at, geoproperty=name)) == [name]
        assert names(ask(hub, georel="near;maxDistance==10", geometry="Point", coordinates="[50,50]", geoproperty=name)) == []


@pytest.mark.parametrize("parameters", [
    {"georel": "near"}, {"georel": "near;maxDistance==0"}, {"georel": "near;maxDistance==-5"}, {"georel": "near;maxDistance=5"}, {"georel": "near;distance==5"}, {"georel": "beside"},
    {"georel": "within;maxDistance==5"}, {"geometry": "GeometryCollection"}, {"geometry": "Circle"}, {"coordinates": "5,5"}, {"coordinates": "[5]"}, {"coordinates": "[[5,5]]"},
    {"coordinates": "[500,5]"}, {"coordinates": "[\"a\",5]"}, {"geoproperty": "a b"}, {"georel": ""}, {"geometry": ""},
])
def test_bad_geoqueries(places, parameters):
    answer = ask(places, **{"georel": "near;maxDistance==5", "geometry": "Point", "coordinates": "[5,5]", **parameters})
    assert answer.status == 400 and answer.json["type"].endswith("/BadRequestData"), answer


@pytest.mark.parametrize("missing", ["georel", "geometry", "coordinates"])
def test_a_geoquery_is_whole(places, missing):
    whole = {"type": "Place", "georel": "near;maxDistance==5", "geometry": "Point", "coordinates": "[5,5]"}
    del whole[missing]
    assert ask(places, **whole).status == 400


# ---- 4.17: types; ids ----

@pytest.fixture
def homes(hub):
    types = {"a": ["Home"], "b": ["Home", "Vehicle"], "c": ["Motorhome"], "d": ["Vehicle"]}
    assert hub.post("/ngsi-ld/v1/entityOperations/create", [{"id": f"urn:ngsi-ld:{n}", "type": t} for n, t in types.items()]).status == 201
    return hub


@pytest.mark.parametrize("type, expected", [
    ("Home", "ab"), ("Home,Motorhome", "abc"), ("Home|Motorhome", "abc"), ("(Home;Vehicle)", "b"), ("(Home;Vehicle)|Motorhome", "bc"), ("(Home;Vehicle),Motorhome", "bc"), ("*", "abcd"),
    ("Nothing", ""), ("https://uri.etsi.org/ngsi-ld/default-context/Home", "ab"),
])
def test_types(homes, type, expected):
    assert names(ask(homes, type=type)) == list(expected)
    assert names(homes.post(Q, {"type": "Query", "entities": [{"type": type}]})) == list(expected)


@pytest.mark.parametrize("parameters, expected", [
    ({"id": "urn:ngsi-ld:a,urn:ngsi-ld:d"}, "ad"), ({"id": "urn:ngsi-ld:a,urn:ngsi-ld:d", "type": "Home"}, "a"), ({"idPattern": "^urn:.*[bc]$", "type": "*"}, "bc"),
    ({"idPattern": "[ab]$", "type": "Vehicle"}, "b"), ({"id": "urn:ngsi-ld:x"}, ""), ({"id": "urn:ngsi-ld:a,urn:ngsi-ld:b", "idPattern": "b$", "type": "*"}, "b"),
])
def test_ids(homes, parameters, expected):
    assert names(ask(homes, **parameters)) == list(expected)


def test_retrieval_by_type(homes):
    assert homes.get(f"{E}/urn:ngsi-ld:b?type=Vehicle").status == 200
    assert homes.get(f"{E}/urn:ngsi-ld:a?type=Vehicle").status == 404
    assert homes.get(f"{E}/urn:ngsi-ld:a?type=(").status == 400


# ---- 4.19: scopes ----

@pytest.mark.parametrize("scope, expected", [
    ("/Madrid", "c"), ("/Madrid/Gardens/ParqueNorte", "a"), ("/Madrid/+/ParqueNorte", "ab"), ("/Madrid/#", "abc"), ("/#", "abcd"), ("/CompanyA/OrganizationB/UnitC", "d"),
    ("/Madrid/Gardens/#;/Other", ""), ("(/Madrid;/Madrid/Gardens/#)", ""), ("/Madrid|/CompanyA/#", "cd"), ("/Madrid,/CompanyA/#", "cd"), ("(/CompanyA/#;/Extra)", "d"), ("/+", "cd"),
])
def test_scopes(hub, scope, expected):
    scopes = {"a": "/Madrid/Gardens/ParqueNorte", "b": "/Madrid/Sights/ParqueNorte", "c": "/Madrid", "d": ["/CompanyA/OrganizationB/UnitC", "/Extra"], "e": None}
    entities = [{"id": f"urn:ngsi-ld:{n}", "type": "T", **({"scope": s} if s else {})} for n, s in scopes.items()]
    assert hub.post("/ngsi-ld/v1/entityOperations/create", entities).status == 201
    if scope.count(";") and not scope.startswith("("):
        assert ask(hub, scopeQ=scope).status == 400  # an "and" stands in parentheses
        return
    assert names(ask(hub, scopeQ=scope)) == list(expected)


# ---- projection: pick, omit, attrs, datasetId ----

ENTITY = {"id": "urn:ngsi-ld:T:1", "type": "T", "scope": "/s", "a": {"type": "Property", "value": 1}, "b": {"type": "Property", "value": 2}}


@pytest.mark.parametrize("parameters, members", [
    ({"pick": "a"}, ["a"]), ({"pick": "id,a|b"}, ["id", "a", "b"]), ({"pick": "type,scope"}, ["type", "scope"]), ({"pick": "a,nothing"}, ["a"]), ({"omit": "a"}, ["id", "type", "scope", "b"]),
    ({"omit": "id,type|scope"}, ["a", "b"]), ({"omit": "nothing"}, list(ENTITY)), ({"attrs": "a"}, ["id", "type", "scope", "a"]), ({"pick": "a,b", "omit": "b"}, ["a"]),
])
def test_projection(hub, parameters, members):
    assert hub.post(E, ENTITY).status == 201
    expected = {k: ENTITY[k] for k in members}
    assert hub.get(f"{E}/{ENTITY['id']}?{urllib.parse.urlencode(parameters)}").json == expected
    assert ask(hub, type="T", **parameters).json == [expected]
    body = {"type": "Query", "entities": [{"type": "T"}], **{k: v.replace("|", ",").split(",") for k, v in parameters.items()}}
    assert hub.post(Q, body).json == [expected]


def test_attrs_must_be_there(hub):
    assert hub.post(E, ENTITY).status == 201
    assert hub.get(f"{E}/{ENTITY['id']}?attrs=c,d").status == 404 and hub.get(f"{E}/{ENTITY['id']}?attrs=c,a").status == 200
    assert ask(hub, attrs="c,d").json == [] and len(ask(hub, attrs="c,a").json) == 1
    for empty in ("attrs", "pick", "omit"):
        assert ask(hub, type="T", **{empty: ""}).status == 400
        assert hub.post(Q, {"type": "Query", "entities": [{"type": "T"}], empty: []}).status == 400
