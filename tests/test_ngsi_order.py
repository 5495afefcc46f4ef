# SPDX-License-Identifier: Apache-2.0
"""Entity ordering (4.23, 5.2.43, 5.7.2, 6.4.3.2): directions, kinds of values, collations, distances, pages, refusals."""
import random
import re
import urllib.parse

import pytest

E = "/ngsi-ld/v1/entities"
Q = "/ngsi-ld/v1/entityOperations/query"


def fill(hub, attributes, type="Thing"):
    """One entity for each dict; their ids end in the place in which they came."""
    entities = [{"id": f"urn:ngsi-ld:{type}:{n}", "type": type, **a} for n, a in enumerate(attributes)]
    assert hub.post("/ngsi-ld/v1/entityOperations/create", entities).status == 201
    return hub


def ordered(hub, by, **parameters):
    """The places of the answer's entities."""
    p = {"type": "Thing", "local": "true", "limit": 100, "orderBy": by, **parameters}
    answer = hub.get(f"{E}?{urllib.parse.urlencode(p)}")
    assert answer.status == 200, answer
    return [int(e["id"].rsplit(":", 1)[1]) for e in answer.json]


def test_ascending_is_the_default_and_descending_turns_it(hub):
    fill(hub, [{"age": 3}, {"age": -1.5}, {"age": 20}, {"age": 0}])
    assert ordered(hub, "age") == ordered(hub, "age;asc") == [1, 3, 0, 2]
    assert ordered(hub, "age;desc") == [2, 0, 3, 1]


def test_keys_are_applied_one_after_the_other(hub):
    fill(hub, [{"name": "b", "age": 1}, {"name": "a", "age": 1}, {"name": "a", "age": 2}, {"name": "b", "age": 2}])
    assert ordered(hub, "name,age;desc") == [2, 1, 3, 0]
    assert ordered(hub, "age;desc,name") == [2, 3, 1, 0]


def test_kinds_of_values_have_an_order(hub):
    values = [None, {"@type": "@json", "@value": None}, "2026-03-01T00:00:00Z", "2026-03-01", "08:00:00Z", True, [1], {"k": 1},
              "text", 7]
    fill(hub, [{} if v is None else {"v": {"type": "Property", "value": v}} for v in values])
    assert ordered(hub, "v") == list(range(9, -1, -1))
    assert ordered(hub, "v;desc") == list(range(9, -1, -1))  # the kinds keep their places: null and nothing last


@pytest.mark.parametrize("values, places", [
    (["2026-03-01T08:00:00Z", "2026-03-01T07:59:59.5Z", "2025-12-31T00:00:00Z"], [2, 1, 0]),
    (["12:00:01Z", "12:00:00.5Z", "00:00:00Z"], [2, 1, 0]),
    ([True, False], [1, 0]),
    ([[2], [1, 5], [1]], [2, 1, 0]),
    ([1e300, -1e300, 2, 10], [1, 2, 3, 0]),
])
def test_values_of_one_kind(hub, values, places):
    fill(hub, [{"v": {"type": "Property", "value": v}} for v in values])
    assert ordered(hub, "v") == places
    assert ordered(hub, "v;desc") == places[::-1]


def test_root_collation_is_the_default(hub):
    fill(hub, [{"name": n} for n in ["Zebra", "apple", "éclair", "Apple", "zoo"]])
    assert ordered(hub, "name") == [1, 3, 2, 0, 4]  # bytes would put Zebra first and éclair last


@pytest.mark.parametrize("collation, names", [
    ("zh-u-co-pinyin", ["大坪", "解放碑", "上清寺", "朝天门"]),
    ("zh-u-co-stroke", ["上清寺", "大坪", "朝天门", "解放碑"]),
    ("de-u-co-phonebk", ["Arzt", "Ärger"]),
    ("und-u-ks-identic", ["a", "b"]),
    ("sv", ["zoo", "öl"]),
    ("und-x-icu", ["öl", "zoo"]),
    ("en-u-kn-true", ["a2", "a10"]),
])
def test_collations(hub, collation, names):
    """Pinyin: chaotianmen, daping, jiefangbei, shangqingsi; strokes: 上 3, 大 3, 朝 12, 解 13."""
    expected = {"zh-u-co-pinyin": ["朝天门", "大坪", "解放碑", "上清寺"], "zh-u-co-stroke": None,
                "de-u-co-phonebk": ["Ärger", "Arzt"]}.get(collation, names)
    fill(hub, [{"name": n} for n in names])
    found = [names[i] for i in ordered(hub, "name", collation=collation)]
    if expected is None:
        assert set(found[:2]) == {"上清寺", "大坪"} and found[2:] == ["朝天门", "解放碑"]
    else:
        assert found == expected


def test_paths_lead_into_values_and_sub_attributes(hub):
    fill(hub, [{"address": {"type": "Property", "value": {"city": c, "at": {"n": n}}},
                "name": {"value": "x", "observedAt": f"2026-03-0{n}T00:00:00Z", "grade": {"value": -n}}}
               for n, c in [(3, "Berlin"), (1, "Aachen"), (2, "Chemnitz")]])
    assert ordered(hub, "address[city]") == [1, 0, 2]
    assert ordered(hub, "address[at.n]") == [1, 2, 0]
    assert ordered(hub, "name.observedAt") == [1, 2, 0]
    assert ordered(hub, "name.grade") == [0, 2, 1]
    assert ordered(hub, "name.nothing,address[nothing]") == [0, 1, 2]


def test_members_of_the_entity(hub):
    fill(hub, [{"scope": "/b"}, {"scope": "/a"}, {"scope": "/c"}])
    assert ordered(hub, "id;desc") == [2, 1, 0]
    assert ordered(hub, "scope") == [1, 0, 2]
    assert ordered(hub, "type,id") == [0, 1, 2]
    assert hub.patch(f"{E}/urn:ngsi-ld:Thing:0/attrs", {"scope": "/d"}).status == 204
    assert ordered(hub, "modifiedAt;desc,id") == [0, 1, 2]


def test_targets_of_every_kind_of_attribute(hub):
    two, one = [{"type": "Relationship", "object": f"urn:x:{n}"} for n in (2, 1)]
    fill(hub, [{"rel": two, "word": {"languageMap": {"en": "pear", "zh": "乙"}}, "gender": {"vocab": "B"}, "list": {"valueList": [2, 1]}},
               {"rel": one, "word": {"languageMap": {"en": "apple", "zh": "甲"}}, "gender": {"vocab": "A"}, "list": {"valueList": [1, 9]}}])
    for by in ("rel", "word", "gender", "list", "word[en]"):
        assert ordered(hub, by) == [1, 0], by
    assert ordered(hub, "word[zh]") == [0, 1]
    assert ordered(hub, "word", lang="zh") == [0, 1]


def test_the_default_instance_counts(hub):
    fill(hub, [{"v": [{"value": 5}, {"value": 0, "datasetId": "urn:d:1"}]}, {"v": 3}])
    assert ordered(hub, "v") == [1, 0]


def test_distance(hub):
    def point(x, y):
        return {"location": {"type": "Point", "coordinates": [x, y]}}
    fill(hub, [point(8.3, 40), point(8.1, 40), point(9, 43), {"location": "nowhere"}, {}])
    assert ordered(hub, "location;dist-asc", orderFrom="[8,40]") == [1, 0, 2, 3, 4]
    assert ordered(hub, "location;dist-desc", orderFrom="[8,40]") == [2, 0, 1, 3, 4]
    line = {"orderFrom": "[[8,40],[9,42],[9,45],[8,40]]", "orderGeometry": "LineString"}
    assert ordered(hub, "location;dist-asc", **line) == [2, 1, 0, 3, 4]
    polygon = {"type": "Polygon", "coordinates": [[[20, 40], [21, 40], [21, 41], [20, 40]]]}
    assert hub.post(E, {"id": "urn:ngsi-ld:Thing:5", "type": "Thing", "location": polygon}).status == 201
    assert ordered(hub, "location;dist-desc", orderFrom="[8,40]")[0] == 5


def test_pages_fit_together(hub):
    rng = random.Random(4)
    values = [rng.randrange(12) for _ in range(90)]
    fill(hub, [{"v": v} for v in values])
    right = sorted(range(90), key=lambda n: values[n])
    seen, path = [], f"{E}?type=Thing&orderBy=v&local=true&limit=17&count=true"
    while path:
        answer = hub.get(path)
        assert answer.headers["NGSILD-Results-Count"] == "90"
        seen += [int(e["id"].rsplit(":", 1)[1]) for e in answer.json]
        found = re.search(r'<([^>]*)>; rel="next"', answer.headers["Link"])
        path = found and found.group(1)
    assert seen == right  # equal values in the order in which they came
    assert ordered(hub, "v", q="v>=6", offset=3, limit=5) == [n for n in right if values[n] >= 6][3:8]
    nothing = hub.get(f"{E}?type=Thing&orderBy=v&local=true&limit=0&count=true")
    assert nothing.json == [] and nothing.headers["NGSILD-Results-Count"] == "90"


def test_features_and_all_entities_are_ordered(hub):
    fill(hub, [{"v": 2}, {"v": 1}])
    answer = hub.get(f"{E}?type=*&orderBy=v", headers={"Accept": "application/geo+json"})
    assert [f["id"][-1] for f in answer.json["features"]] == ["1", "0"]


def test_by_body(hub):
    fill(hub, [{"name": "大坪", "location": {"type": "Point", "coordinates": [106.5, 29.5]}},
               {"name": "朝天门", "location": {"type": "Point", "coordinates": [106.6, 29.5]}}])

    def ask(ordering, query="?local=true"):
        return hub.post(Q + query, {"type": "Query", "entities": [{"type": "Thing"}], "ordering": ordering})
    by_name = ask({"orderBy": ["name;desc"], "collation": "zh-u-co-pinyin"})
    assert [e["id"][-1] for e in by_name.json] == ["0", "1"]
    by_distance = ask({"orderBy": ["location;dist-asc", "name"], "coordinates": [106.61, 29.5], "geometry": "Point"})
    assert [e["id"][-1] for e in by_distance.json] == ["1", "0"]
    assert ask({"orderBy": ["name"]}, "").status == 400
    for wrong in ({}, {"orderBy": []}, {"orderBy": [3]}, {"orderBy": ["name"], "colour": 1}, {"orderBy": ["name"], "coordinates": 5}, 7):
        assert ask(wrong).status == 400, wrong


@pytest.mark.parametrize("parameters, status", [
    ({"orderBy": "v", "local": "false"}, 400), ({"orderBy": "v;up"}, 400), ({"orderBy": ""}, 400), ({"orderBy": "v,"}, 400),
    ({"orderBy": "v[a"}, 400), ({"orderBy": "v[]"}, 400), ({"orderBy": "a b"}, 400), ({"orderBy": "v;asc;desc"}, 400),
    ({"orderBy": "location;dist-asc"}, 400), ({"orderBy": "location;dist-asc", "orderFrom": "[500,0]"}, 400),
    ({"orderBy": "location;dist-asc", "orderFrom": "8,40"}, 400),
    ({"orderBy": "location;dist-asc", "orderFrom": "[8,40]", "orderGeometry": "GeometryCollection"}, 400),
    ({"orderBy": "location;dist-asc", "orderFrom": "[8,40]", "orderGeometry": "LineString"}, 400),
    ({"orderBy": "v", "collation": "zh-u-co-nonsense"}, 400), ({"orderBy": "v", "collation": "not a tag"}, 400),
    ({"orderBy": "v", "collation": "qqq"}, 400), ({"orderBy": "v", "collation": "de-u-ks-foo"}, 400), ({"orderBy": "v", "collation": ""}, 400),
    ({"collation": "zh"}, 400), ({"orderBy": ",".join(["v"] * 11)}, 403), ({"orderBy": "v", "offset": "100000"}, 403),
])
def test_refuses(hub, parameters, status):
    answer = hub.get(f"{E}?{urllib.parse.urlencode({'type': 'Thing', 'local': 'true', **parameters})}")
    assert answer.status == status, answer
    assert answer.json["detail"] and answer.json["type"].startswith("https://uri.etsi.org/ngsi-ld/errors/")
