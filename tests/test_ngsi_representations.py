# SPDX-License-Identifier: Apache-2.0
"""Representations of every kind of attribute (4.5.2 – 4.5.5, 4.5.16 – 4.5.24), languages (4.15), versions (4.3.6.8)."""
import urllib.parse

import pytest

E = "/ngsi-ld/v1/entities"
ID = "urn:ngsi-ld:Vehicle:A4567"
POINT = {"type": "Point", "coordinates": [106.5, 29.5]}
NORMALIZED = {
    "id": ID, "type": ["Car", "Vehicle"], "scope": "/渝中区",
    "brandName": {"type": "Property", "value": "Mercedes"},
    "speed": {"type": "Property", "value": 55.5, "unitCode": "KMH", "observedAt": "2026-03-01T00:00:00Z", "valueType": "Double",
              "accuracy": {"type": "Property", "value": 0.5}, "providedBy": {"type": "Relationship", "object": "urn:ngsi-ld:Person:Bob"}},
    "address": {"type": "Property", "value": {"city": "重庆"}},
    "location": {"type": "GeoProperty", "value": POINT},
    "isParked": {"type": "Relationship", "object": "urn:ngsi-ld:Parking:1", "objectType": "Parking"},
    "passengers": {"type": "Relationship", "object": ["urn:ngsi-ld:Person:A", "urn:ngsi-ld:Person:B"], "objectType": ["Person", "Child"]},
    "street": {"type": "LanguageProperty", "languageMap": {"zh": "大坪正街", "en": ["Daping", "Street"], "@none": "-"}},
    "category": {"type": "VocabProperty", "vocab": "non-commercial"},
    "tags": {"type": "VocabProperty", "vocab": ["a", "b"]},
    "tyres": {"type": "ListProperty", "valueList": [300, 300, 120, 6], "unitCode": "MMT"},
    "route": {"type": "ListRelationship", "objectList": [{"object": "urn:ngsi-ld:City:1"}, {"object": "urn:ngsi-ld:City:2"}]},
    "ticket": {"type": "JsonProperty", "json": {"id": "85a6", "value": "Overstay", "type": "x"}},
    "sealed": {"type": "Property", "value": 1, "ngsildproof": {"type": "Property", "entityIdSealed": ID, "entityTypeSealed": "Vehicle",
                                                               "value": {"type": "DataIntegrityProof", "proofValue": "z3X"}}},
}
CONCISE = {
    **{k: NORMALIZED[k] for k in ("id", "type", "scope")},
    "brandName": "Mercedes",
    "speed": {"value": 55.5, "unitCode": "KMH", "observedAt": "2026-03-01T00:00:00Z", "valueType": "Double", "accuracy": 0.5,
              "providedBy": {"object": "urn:ngsi-ld:Person:Bob"}},
    "address": {"value": {"city": "重庆"}}, "location": POINT,
    "isParked": {"object": "urn:ngsi-ld:Parking:1", "objectType": "Parking"},
    "passengers": {"object": ["urn:ngsi-ld:Person:A", "urn:ngsi-ld:Person:B"], "objectType": ["Person", "Child"]},
    "street": {"languageMap": {"zh": "大坪正街", "en": ["Daping", "Street"], "@none": "-"}},
    "category": {"vocab": "non-commercial"}, "tags": {"vocab": ["a", "b"]},
    "tyres": {"valueList": [300, 300, 120, 6], "unitCode": "MMT"},
    "route": {"objectList": ["urn:ngsi-ld:City:1", "urn:ngsi-ld:City:2"]},
    "ticket": {"json": {"id": "85a6", "value": "Overstay", "type": "x"}},
    "sealed": {"value": 1, "ngsildproof": {"entityIdSealed": ID, "entityTypeSealed": "Vehicle",
                                           "value": {"type": "DataIntegrityProof", "proofValue": "z3X"}}},
}
SIMPLIFIED = {
    **{k: NORMALIZED[k] for k in ("id", "type", "scope")},
    "brandName": "Mercedes", "speed": 55.5, "address": {"city": "重庆"}, "location": POINT, "isParked": "urn:ngsi-ld:Parking:1",
    "passengers": ["urn:ngsi-ld:Person:A", "urn:ngsi-ld:Person:B"],
    "street": {"languageMap": {"zh": "大坪正街", "en": ["Daping", "Street"], "@none": "-"}},
    "category": {"vocab": "non-commercial"}, "tags": {"vocab": ["a", "b"]}, "tyres": [300, 300, 120, 6],
    "route": ["urn:ngsi-ld:City:1", "urn:ngsi-ld:City:2"], "ticket": {"json": {"id": "85a6", "value": "Overstay", "type": "x"}}, "sealed": 1,
}


@pytest.fixture
def vehicle(hub):
    assert hub.post(E, NORMALIZED).status == 201
    return hub


def get(hub, accept="application/json", path=f"{E}/{ID}", prefer=None, **parameters):
    headers = {"Accept": accept, **({"Prefer": prefer} if prefer else {})}
    return hub.get(f"{path}?{urllib.parse.urlencode(parameters)}", headers=headers)


def alike(entity):
    """The same whatever the order of types."""
    return {**entity, "type": sorted(entity["type"])} if isinstance(entity.get("type"), list) else entity


@pytest.mark.parametrize("format, expected", [("normalized", NORMALIZED), ("concise", CONCISE), ("simplified", SIMPLIFIED), ("keyValues", SIMPLIFIED)])
def test_every_kind_in_every_format(vehicle, format, expected):
    assert alike(get(vehicle, format=format).json) == expected
    assert alike(get(vehicle, options=format).json) == expected
    assert alike(get(vehicle, path=E, type="Vehicle", format=format).json[0]) == expected
    other = "concise" if format != "concise" else "simplified"
    assert alike(get(vehicle, options=other, format=format).json) == expected  # format stands over options


@pytest.mark.parametrize("sent", [NORMALIZED, CONCISE])
def test_lossless_formats_come_back_as_they_went(hub, sent):
    assert hub.post(E, sent).status == 201
    assert alike(get(hub, format="normalized").json) == NORMALIZED
    assert alike(get(hub, format="concise").json) == CONCISE


@pytest.mark.parametrize("value", [[{"value": 1}], [{"value": 1}, {"value": 2, "datasetId": "urn:d:1"}], {"value": 3}, {"type": "Relationship", "object": "urn:x:1"},
                                   {"languageMap": {"en": "x"}}, {"dataset": {"@none": 1}}, [], {}, [1, [2]], [1, {"a": 1}], "x", False])
def test_values_that_look_like_attributes_stay_values(hub, value):
    normalized = {"id": ID, "type": "V", "v": {"type": "Property", "value": value}}
    assert hub.post(E, normalized).status == 201
    assert get(hub).json == normalized
    concise = get(hub, format="concise").json
    assert hub.put(f"{E}/{ID}", concise).status == 204
    assert get(hub).json == normalized and get(hub, format="concise").json == concise


def test_json_ld_carries_its_context(vehicle):
    answer = get(vehicle, "application/ld+json")
    assert "@context" in answer.json and "Link" not in answer.headers
    plain = get(vehicle)
    assert "@context" not in plain.json and 'rel="http://www.w3.org/ns/json-ld#context"' in plain.headers["Link"]


@pytest.mark.parametrize("format, properties", [("normalized", NORMALIZED), ("concise", CONCISE), ("simplified", SIMPLIFIED)])
def test_features(vehicle, format, properties):
    answer = get(vehicle, "application/geo+json", format=format)
    feature = answer.json
    assert answer.headers["Content-Type"] == "application/geo+json"
    assert feature["id"] == ID and feature["type"] == "Feature" and feature["geometry"] == POINT and "@context" in feature
    assert alike(feature["properties"]) == {k: v for k, v in properties.items() if k != "id"}
    collection = get(vehicle, "application/geo+json", path=E, type="Vehicle", format=format).json
    assert collection["type"] == "FeatureCollection" and "@context" in collection
    assert collection["features"] == [{k: v for k, v in feature.items() if k != "@context"}]


def test_the_context_of_features_follows_prefer(vehicle):
    for path, parameters in ((f"{E}/{ID}", {}), (E, {"type": "Vehicle"})):
        bare = get(vehicle, "application/geo+json", path, prefer="body=json", **parameters)
        assert "@context" not in bare.json and "json-ld#context" in bare.headers["Link"]
        for prefer in ("body=ld+json", None):
            full = get(vehicle, "application/geo+json", path, prefer=prefer, **parameters)
            assert "@context" in full.json and "Link" not in full.headers


def test_the_geometry_of_features(vehicle):
    other = {"type": "LineString", "coordinates": [[1, 2], [3, 4]]}
    more = {"path": {"value": other}, "place": [{"type": "GeoProperty", "value": other, "datasetId": "urn:d:1"}]}
    assert vehicle.post(f"{E}/{ID}/attrs", more).status == 204
    geo = "application/geo+json"
    assert get(vehicle, geo, geometryProperty="path").json["geometry"] == other
    assert get(vehicle, geo, geometryProperty="nothing").json["geometry"] is None
    assert get(vehicle, geo, geometryProperty="brandName").json["geometry"] is None
    assert get(vehicle, geo, geometryProperty="place").json["geometry"] is None  # it has no default instance
    assert get(vehicle, geo, geometryProperty="place", datasetId="urn:d:1").json["geometry"] == other
    assert get(vehicle, geometryProperty="path").status == 400  # only with GeoJSON (5.7.1.4)


def test_several_instances(hub):
    instances = [{"type": "Property", "value": "Jones"}, {"type": "Property", "value": "Bowie", "datasetId": "urn:d:1"},
                 {"type": "Property", "value": "Ziggy", "datasetId": "urn:d:2"}]
    places = [{"type": "Relationship", "object": "urn:x:1"}, {"type": "Relationship", "object": "urn:x:2", "datasetId": "urn:d:1"}]
    lists = [{"type": "ListProperty", "valueList": ["1st"], "datasetId": "urn:d:1"}, {"type": "ListProperty", "valueList": ["First"]}]
    assert hub.post(E, {"id": ID, "type": "Vehicle", "name": instances, "at": places, "periods": lists}).status == 201
    assert get(hub).json["name"] == instances
    concise = get(hub, format="concise").json
    assert concise["name"] == [{k: v for k, v in i.items() if k != "type"} for i in instances] and concise["periods"][1] == {"valueList": ["First"]}
    assert hub.put(f"{E}/{ID}", concise).status == 204 and get(hub).json["name"] == instances and get(hub).json["periods"] == lists
    simple = get(hub, format="simplified").json
    assert simple["name"] == {"dataset": {"@none": "Jones", "urn:d:1": "Bowie", "urn:d:2": "Ziggy"}}
    assert simple["at"] == {"dataset": {"@none": "urn:x:1", "urn:d:1": "urn:x:2"}}
    assert simple["periods"] == {"dataset": {"urn:d:1": ["1st"], "@none": ["First"]}}
    assert get(hub, datasetId="urn:d:2").json == {"id": ID, "type": "Vehicle", "name": instances[2]}
    assert get(hub, datasetId="@none,urn:d:2", pick="name").json == {"name": [instances[0], instances[2]]}


def test_system_times(vehicle):
    shown = get(vehicle, options="sysAttrs").json
    assert {"createdAt", "modifiedAt"} <= set(shown) and {"createdAt", "modifiedAt"} <= set(shown["speed"])
    assert "createdAt" not in get(vehicle).json
    feature = get(vehicle, "application/geo+json", options="sysAttrs").json
    assert "createdAt" in feature["properties"]


def test_names_follow_the_context(hub):
    context = {"@context": {"brand": "https://example.org/brand", "Car": "https://example.org/Car", "Sold": "https://example.org/Sold", "state": "https://example.org/state"}}
    entity = {"id": ID, "type": "Car", "brand": "x", "state": {"type": "VocabProperty", "vocab": ["Sold", "Other"]},
              "at": {"object": "urn:x:1", "objectType": "Car"}, "n": {"value": 1, "valueType": "Sold"}, **context}
    sent = hub.post(E, __import__("json").dumps(entity).encode(), headers={"Content-Type": "application/ld+json"})
    assert sent.status == 201
    plain = get(hub, format="concise").json
    assert plain["type"] == "https://example.org/Car" and plain["https://example.org/brand"] == "x"
    assert plain["https://example.org/state"]["vocab"] == ["https://example.org/Sold", "Other"]
    assert plain["at"]["objectType"] == "https://example.org/Car" and plain["n"]["valueType"] == "https://example.org/Sold"


@pytest.mark.parametrize("lang, value, tag", [
    ("en", ["Daping", "Street"], "en"), ("zh", "大坪正街", "zh"), ("zh-CN", "大坪正街", "zh"), ("ZH", "大坪正街", "zh"),
    ("fr", "-", "@none"), ("fr,en;q=0.5", ["Daping", "Street"], "en"), ("en;q=0.8,zh;q=0.9", "大坪正街", "zh"),
    ("fr-CH,fr;q=0.9,en;q=0.8,*;q=0.5", ["Daping", "Street"], "en"), ("de;q=1.0, *;q=0.5", "大坪正街", "zh"), ("en; q=0.1, zh; q=0.2", "大坪正街", "zh"),
    ("en;q=0,zh", "大坪正街", "zh"), ("en,zh", ["Daping", "Street"], "en"), ("zh,en", "大坪正街", "zh"),
])
def test_a_language_turns_a_language_property_into_a_property(vehicle, lang, value, tag):
    expected = {"type": "Property", "value": value, "lang": tag}
    assert get(vehicle, lang=lang).json["street"] == expected
    assert get(vehicle, lang=lang, format="simplified").json["street"] == value
    del expected["type"]
    assert get(vehicle, lang=lang, format="concise").json["street"] == expected


@pytest.mark.parametrize("lang", ["", "en;", "en;q=2", "en;q=x", "e n", "toolongalanguage", "en,,zh", "en_GB", "-", "*-CH", "'; drop"])
def test_no_language(vehicle, lang):
    assert get(vehicle, lang=lang).status == 400
    query = {"type": "Query", "entities": [{"type": "Vehicle"}], "lang": lang}
    assert vehicle.post("/ngsi-ld/v1/entityOperations/query", query).status == 400


def test_a_longer_tag_falls_under_a_shorter_range(hub):
    assert hub.post(E, {"id": ID, "type": "V", "s": {"languageMap": {"zh-Hant": "慶", "zh-Hans": "庆", "en": "joy"}}}).status == 201
    assert get(hub, lang="zh-Hans").json["s"]["value"] == "庆"
    assert get(hub, lang="zh").json["s"]["value"] == "慶"
    assert get(hub, lang="zh-Hans-CN").json["s"]["value"] == "庆"


# ---- versions (4.3.6.8) ----

def amended(hub, version, **parameters):
    answer = get(hub, prefer=f"ngsi-ld={version}", **parameters)
    assert answer.headers["Preference-Applied"] == f"ngsi-ld={version}"
    return answer.status, answer.json


def test_version_1_8_knows_no_value_type(vehicle):
    status, entity = amended(vehicle, "1.8")
    expected = {**NORMALIZED, "speed": {k: v for k, v in NORMALIZED["speed"].items() if k != "valueType"}}
    assert status == 203 and alike(entity) == expected


def test_version_1_7_knows_fewer_kinds(vehicle):
    status, entity = amended(vehicle, "1.7")
    assert status == 203
    assert entity["category"] == {"type": "Property", "value": "non-commercial"} and entity["tags"]["value"] == ["a", "b"]
    assert entity["tyres"] == {"type": "Property", "value": [300, 300, 120, 6], "unitCode": "MMT"}
    assert entity["ticket"] == {"type": "Property", "value": {"id": "85a6", "value": "Overstay", "type": "x"}}
    assert entity["route"] == {"type": "Relationship", "object": ["urn:ngsi-ld:City:1", "urn:ngsi-ld:City:2"]}
    assert entity["isParked"] == {"type": "Relationship", "object": "urn:ngsi-ld:Parking:1"}
    assert entity["street"]["type"] == "LanguageProperty" and entity["scope"] == "/渝中区" and entity["speed"]["unitCode"] == "KMH"


def test_version_1_3_knows_neither_languages_nor_scope(vehicle):
    status, entity = amended(vehicle, "1.3")
    assert status == 203 and "scope" not in entity and sorted(entity["type"]) == ["Car", "Vehicle"]
    assert entity["street"] == {"type": "Property", "value": NORMALIZED["street"]["languageMap"]}
    assert entity["speed"]["observedAt"] == "2026-03-01T00:00:00Z"
    assert amended(vehicle, "1.3", lang="zh")[1]["street"]["value"] == "大坪正街"


def test_version_1_0_knows_one_type_and_one_instance(hub):
    two = [{"type": "Property", "value": 1, "datasetId": "urn:d:1"}, {"type": "Property", "value": 2, "unitCode": "KMH", "observedAt": "2026-03-01T00:00:00Z",
           "sub": {"type": "ListProperty", "valueList": [1], "observedAt": "2026-03-01T00:00:00Z"}}]
    assert hub.post(E, {"id": ID, "type": ["A", "B"], "v": two}).status == 201
    status, entity = amended(hub, "1.0")
    assert status == 203 and entity["type"] in ("A", "B")
    assert entity["v"] == {"type": "Property", "value": 2, "sub": {"type": "Property", "value": [1]}}


def test_versions_in_queries_and_other_formats(vehicle):
    status, entities = amended(vehicle, "1.7", path=E, type="Vehicle", format="simplified")
    assert status == 203 and entities[0]["category"] == "non-commercial" and entities[0]["ticket"] == SIMPLIFIED["ticket"]["json"]
    both = get(vehicle, "application/geo+json", prefer='body=json, ngsi-ld="1.7"')
    assert both.status == 203 and both.json["properties"]["category"]["type"] == "Property" and "@context" not in both.json
    body = {"type": "Query", "entities": [{"type": "Vehicle"}]}
    answer = vehicle.post("/ngsi-ld/v1/entityOperations/query", body, headers={"Prefer": "ngsi-ld=1.3"})
    assert answer.status == 203 and "scope" not in answer.json[0]


def test_nothing_to_amend(hub):
    assert hub.post(E, {"id": ID, "type": "A", "v": 1}).status == 201
    assert amended(hub, "1.0") == (200, {"id": ID, "type": "A", "v": {"type": "Property", "value": 1}})
    assert amended(hub, "1.9")[0] == 200
    newer = get(hub, prefer="ngsi-ld=2.3")
    assert newer.status == 200 and newer.headers["Preference-Applied"] == "ngsi-ld=1.9"
    for nonsense in ("ngsi-ld=x", "ngsi-ld=1", "ngsi-ld=1.5.2", "ngsi-ld=-1.2", "ngsi-ld=0.4", "ngsi-ld", "wait=5", "ngsi-ld=99999999999.1"):
        answer = get(hub, prefer=nonsense)
        assert answer.status == 200 and "Preference-Applied" not in answer.headers, nonsense


# ---- members that are only read (5.2.5, 5.2.6) ----

def test_members_for_output_are_ignored_on_the_way_in(hub):
    sent = {"id": ID, "type": "A", "r": {"object": "urn:x:1", "entity": {"id": "urn:x:1", "type": "B"}, "previousObject": "urn:x:0"},
            "l": {"objectList": ["urn:x:1"], "entityList": [{"id": "urn:x:1", "type": "B"}]},
            "v": {"value": 1, "createdAt": "2020-01-01T00:00:00Z", "instanceId": "urn:i:1", "previousValue": 0, "deletedAt": "2020-01-01T00:00:00Z"}}
    assert hub.post(E, sent).status == 201
    assert get(hub, format="concise").json == {"id": ID, "type": "A", "r": {"object": "urn:x:1"}, "l": {"objectList": ["urn:x:1"]}, "v": 1}
