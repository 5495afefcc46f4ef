# SPDX-License-Identifier: Apache-2.0
"""The query language over HTTP, from the text and the examples of 4.9; every operator on every kind of target."""
import json
import urllib.parse

import pytest

E = "/ngsi-ld/v1/entities"
Q = "/ngsi-ld/v1/entityOperations/query"
MALE = "http://example.org/Male"
DEVICE, OTHER = "urn:ngsi-ld:Device:345", "urn:ngsi-ld:Device:346"


def prop(value, **more):
    return {"type": "Property", "value": value, **more}


ENTITIES = {
    "car": {"speed": prop(55, observedAt="2017-12-24T13:00:00Z", accuracy=prop(2, method=prop("radar"))), "brandName": prop("Mercedes"), "rpm": prop(2000),
            "isParked": {"type": "Relationship", "object": "urn:ngsi-ld:OffStreetParking:Downtown1"}, "isOn": prop(True)},
    "bus": {"speed": prop(20, observedAt="2017-12-24T11:00:00Z"), "brandName": prop("MAN"), "rpm": prop(3500), "isOn": prop(False),
            "isParked": {"type": "Relationship", "object": ["urn:ngsi-ld:Stop:1", "urn:ngsi-ld:Stop:2"]}},
    "flag": {"color": prop(["black", "red"]), "stripes": {"type": "ListProperty", "valueList": ["black", "red", "gold"]},
             "route": {"type": "ListRelationship", "objectList": [{"object": "urn:ngsi-ld:City:1"}, {"object": "urn:ngsi-ld:City:2"}]}},
    "paint": {"color": {"type": "LanguageProperty", "languageMap": {"fr": ["chat", "rouge"], "en": "red", "de": "rot"}}},
    "sign": {"color": {"type": "LanguageProperty", "languageMap": {"fr": "noir", "en": "black", "de": "schwarz"}}},
    "place": {"address": prop({"city": "Berlin", "street": "Ulrich Strasse", "geo": {"floor": 3}}), "open": prop("08:30:00Z"), "since": prop("2020-05-01"),
              "built": prop({"@type": "DateTime", "@value": "2020-05-01T08:00:00Z"})},
    "lab": {"sensor": prop(40, rawdata=prop({"airquality": {"particulate": 40, "PM20": 85}}))},
    "ticket": {"parkingTickets": {"type": "JsonProperty", "json": {"id": "85a6cc52-0589-45f9", "value": "Overstay 60 minutes"}}},
    "many": {"temperature": [prop(10), prop(30, datasetId="urn:d:1")]},
    "station": {"sensor": {"type": "Relationship", "objectType": "Device", "object": DEVICE}},
    "outpost": {"sensor": {"type": "Relationship", "object": [OTHER, "urn:ngsi-ld:Device:gone"]}},
}


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    from conftest import Hub
    hub = Hub(tmp_path_factory.mktemp("q")).start()
    entities = [{"id": f"urn:ngsi-ld:{name}", "type": "Thing", **attributes} for name, attributes in ENTITIES.items()]
    entities += [{"id": DEVICE, "type": "Device", "humidity": 40, "in": {"object": "urn:ngsi-ld:place"}}, {"id": OTHER, "type": "Meter", "humidity": 60}]
    assert hub.post("/ngsi-ld/v1/entityOperations/create", entities).status == 201
    vocabulary = {"id": "urn:ngsi-ld:person", "type": "Thing", "gender": {"type": "VocabProperty", "vocab": "Male"},
                  "roles": {"type": "VocabProperty", "vocab": ["Clerk", "Male"]}, "nick": "Male", "@context": {"Male": MALE}}
    assert hub.request("POST", E, json.dumps(vocabulary).encode(), headers={"Content-Type": "application/ld+json"}).status == 201
    answer = hub.post("/ngsi-ld/v1/jsonldContexts", {"@context": {"Male": MALE}})
    location = answer.headers["Location"]
    hub.link = {"Link": f'<{location if location.startswith("http") else hub.url + location}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'}
    yield hub
    hub.stop()


def find(hub, q, headers=None, **parameters):
    text = urllib.parse.urlencode({"type": "Thing", "q": q, "limit": 100, "pick": "id", **parameters})
    answer = hub.get(f"{E}?{text}", headers=headers or {})
    assert answer.status == 200, answer
    return sorted(e["id"].rsplit(":", 1)[1] for e in answer.json)


@pytest.mark.parametrize("q, expected", [
    # existence, examples 0 and 5
    ("temperature", ["many"]), ("isParked", ["bus", "car"]), ("speed.accuracy", ["car"]), ("speed.accuracy.method", ["car"]), ("address[city]", ["place"]),
    ("address[town]", []), ("nothing", []),
    # equal and unequal, examples 1 to 4
    ("speed==20", ["bus"]), ("speed==2e1", ["bus"]), ("brandName!=\"Mercedes\"", ["bus"]), ("isParked==\"urn:ngsi-ld:OffStreetParking:Downtown1\"", ["car"]),
    ("isParked==urn:ngsi-ld:OffStreetParking:Downtown1", ["car"]), ("speed>50;brandName!=\"MAN\"", ["car"]), ("isOn==true", ["car"]), ("isOn!=true", ["bus"]),
    ("speed==\"20\"", []), ("brandName!=5", ["bus", "car"]), ("isOn==1", []),
    # association and precedence, examples 6 and 7
    ("((speed>50|rpm>3000);brandName==\"Mercedes\")", ["car"]), ("speed>50|rpm>3000;brandName==\"Nobody\"", ["car"]), ("(speed>=20;speed<=25)|rpm<=2000", ["bus", "car"]),
    # sub-attributes, example 8
    ("speed.observedAt>=2017-12-24T12:00:00Z", ["car"]), ("speed.observedAt<2017-12-24T12:00:00Z", ["bus"]), ("speed.accuracy.method==\"radar\"", ["car"]),
    ("speed.observedAt==2017-12-24T10:00:00Z..2017-12-24T12:00:00Z", ["bus"]),
    # compound values, examples 9 to 11
    ("address[city]==\"Berlin\"", ["place"]), ("address[geo.floor]>2", ["place"]), ("sensor.rawdata[airquality.particulate]==40", ["lab"]), ("address[geo]==3", []),
    # ranges and lists
    ("speed==20..50", ["bus"]), ("speed==20..55", ["bus", "car"]), ("speed!=10..30", ["car"]), ("brandName==\"A\"..\"MZ\"", ["bus"]), ("speed==1,20,300", ["bus"]),
    ("speed!=20, 21", ["car"]), ("speed==20,\"x\",true", ["bus"]),
    # arrays and lists
    ("color==\"red\"", ["flag", "paint"]), ("stripes==\"gold\"", ["flag"]), ("stripes!=\"gold\"", []), ("stripes!=\"green\"", ["flag"]), ("stripes==\"x\",\"red\"", ["flag"]),
    ("stripes>\"a\"", []),
    # relationships
    ("isParked==urn:ngsi-ld:Stop:2", ["bus"]), ("isParked!=urn:ngsi-ld:Stop:2", ["car"]), ("isParked==\"urn:ngsi-ld:Stop:2\",\"urn:ngsi-ld:Stop:9\"", ["bus"]),
    ("route==urn:ngsi-ld:City:2", ["flag"]), ("route!=urn:ngsi-ld:City:2", []), ("isParked>\"a\"", []), ("isParked~=\".*\"", []), ("route!~=\"x\"", []),
    # languages
    ("color[en]==\"red\"", ["paint"]), ("color[fr]==\"rouge\"", ["paint"]), ("color[fr]!=\"rouge\"", ["sign"]), ("color[en]!=\"red\"", ["sign"]), ("color[*]==\"schwarz\"", ["sign"]),
    ("color[*]!=\"noir\"", ["paint"]), ("color[es]", []), ("color[de]~=\"^sch\"", ["sign"]),
    # order
    ("speed>20", ["car"]), ("speed>=20", ["bus", "car"]), ("speed<55", ["bus"]), ("speed<=55", ["bus", "car"]), ("brandName>\"MAN\"", ["car"]), ("brandName>5", []),
    ("open>08:00:00Z", ["place"]), ("open<08:00:00Z", []), ("since>=2020-05-01", ["place"]), ("since==2020-01-01..2020-12-31", ["place"]),
    ("built==2020-05-01T08:00:00Z", ["place"]), ("built<2020-05-01T08:00:00.5Z", ["place"]), ("built>2020-05-01T08:00:00Z", []), ("speed>2020-05-01", []),
    # patterns
    ("brandName~=\"^Mer\"", ["car"]), ("brandName~=M.[NR]", ["bus"]), ("brandName!~=\"^Mer\"", ["bus"]), ("speed~=5", []), ("speed!~=x", []), ("color~=\"ro[ut]\"", ["paint"]),
    # several instances
    ("temperature==30", ["many"]), ("temperature>20", ["many"]), ("temperature!=10", ["many"]), ("temperature<5", []),
    # system members
    ("createdAt>2020-01-01T00:00:00Z;speed", ["bus", "car"]), ("modifiedAt<2020-01-01T00:00:00Z;speed", []), ("speed.createdAt>2020-01-01T00:00:00Z", ["bus", "car"]),
])
def test_terms(filled, q, expected):
    assert find(filled, q) == expected


@pytest.mark.parametrize("q, level, expected", [
    ("sensor{humidity}==40", 1, ["station"]), ("sensor{Device:humidity}==40", 1, ["station"]), ("sensor{Meter,Device:humidity}>10", 1, ["outpost", "station"]),
    ("sensor{Meter:humidity}==40", 1, []), ("sensor{humidity}", 1, ["outpost", "station"]), ("sensor{nothing}", 1, []), ("sensor{humidity}!=40", 1, ["outpost"]),
    ("sensor{in{address[city]}}==\"Berlin\"", 2, ["station"]), ("sensor{Device:in{Thing:open}}>08:00:00Z", 2, ["station"]), ("sensor{humidity}>10;sensor", 1, ["outpost", "station"]),
])
def test_linked_entities(filled, q, level, expected):
    assert find(filled, q, join="inline", joinLevel=level) == expected


@pytest.mark.parametrize("q, parameters, expected", [
    ("gender==Male", {"expandValues": "gender"}, ["person"]), ("gender!=Male", {"expandValues": "gender"}, []), ("gender==Female", {"expandValues": "gender"}, []),
    ("gender==\"Male\"", {"expandValues": "nick,gender"}, ["person"]), ("gender==\"Male\"", {}, []), ("gender!=\"Male\"", {}, ["person"]),
    (f"gender=={MALE}", {}, ["person"]), (f"gender==\"{MALE}\"", {}, ["person"]), ("roles==Male", {"expandValues": "roles"}, ["person"]),
    ("roles==Clerk", {"expandValues": "roles"}, ["person"]), ("roles==https://uri.etsi.org/ngsi-ld/default-context/Clerk", {}, ["person"]), ("nick==\"Male\"", {}, ["person"]),
    ("roles==Boss,Clerk", {"expandValues": "roles"}, ["person"]),
])
def test_values_that_are_names(filled, q, parameters, expected):
    """Example 12: with expandValues a value is expanded by the @context; what is no IRI equals no VocabProperty."""
    assert find(filled, q, filled.link, **parameters) == expected


def test_json_keys(filled):
    """Example 11."""
    assert find(filled, 'parkingTickets[value]=="Overstay 60 minutes"', jsonKeys="parkingTickets") == ["ticket"]
    assert find(filled, 'parkingTickets[id]=="85a6cc52-0589-45f9"') == ["ticket"]


def test_in_a_body(filled):
    body = {"type": "Query", "entities": [{"type": "Thing"}], "q": "gender==Male", "expandValues": "gender", "jsonKeys": "parkingTickets"}
    assert [e["id"] for e in filled.post(Q, body, headers=filled.link).json] == ["urn:ngsi-ld:person"]
    linked = {"type": "Query", "entities": [{"type": "Thing"}], "q": "sensor{humidity}==40", "join": "flat"}
    assert [e["id"] for e in filled.post(Q, linked).json] == ["urn:ngsi-ld:station", DEVICE]
    assert filled.post(Q, {**linked, "join": "@none"}).status == 400
    assert filled.post(Q, {**body, "expandValues": 5}).status == 400


@pytest.mark.parametrize("q", ["", "==1", "speed==", "speed=1", "speed>true", "speed>=", "speed>1,2", "speed>1..2", "brandName==Mercedes", "(speed", "speed)", "speed;", "|speed",
                               "speed==1..", "speed==1..true", "speed==\"a", "address[", "address[]", "address[city", "address[a][b]", "speed.", "5speed", "sp eed", "speed~=", "speed~=[",
                               "speed!~", "sensor{", "sensor{}", "sensor{humidity", "sensor{Device:}", "sensor{Device,humidity}", "sensor{humidity}}", "a" * 70000])
def test_what_is_no_query(filled, q):
    answer = filled.get(f"{E}?{urllib.parse.urlencode({'type': 'Thing', 'q': q, 'join': 'inline'})}")
    assert answer.status in (400, 413, 414), answer
    if answer.status == 400:
        assert answer.json["type"].endswith("/BadRequestData") or not q or len(q) > 1000


@pytest.mark.parametrize("parameters", [{"expandValues": "a b"}, {"jsonKeys": "{"}, {"expandValues": ""}])
def test_what_is_no_list_of_names(filled, parameters):
    assert filled.get(f"{E}?{urllib.parse.urlencode({'type': 'Thing', 'q': 'speed', **parameters})}").status == 400
