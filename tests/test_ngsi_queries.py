# SPDX-License-Identifier: Apache-2.0
"""Queries over HTTP: by id, type, q, geometry, scope; pages, count, representations (5.7.2, 4.9, 4.10, 4.17, 4.19)."""
import re
import urllib.parse

import pytest

E = "/ngsi-ld/v1/entities"


def ident(n):
    return f"urn:ngsi-ld:Gauge:{n:03}"


@pytest.fixture
def gauges(hub):
    entities = [{"id": ident(n), "type": ["Gauge", "Deep"] if n % 2 else "Gauge", "level": n, "name": f"第{n}号",
                 "scope": f"/渝中区/街道{n % 3}", "location": {"type": "Point", "coordinates": [106.5 + n / 1000, 29.5]}}
                for n in range(30)]
    entities.append({"id": "urn:ngsi-ld:Valve:1", "type": "Valve", "refGauge": {"object": ident(7)}})
    assert hub.post("/ngsi-ld/v1/entityOperations/create", entities).status == 201
    return hub


def query(hub, text="", **parameters):
    return hub.get(f"{E}?{urllib.parse.urlencode({'limit': 100, 'options': 'keyValues', **parameters})}{text}")


def levels(answer):
    assert answer.status == 200, answer
    return [e.get("level") for e in answer.json]


@pytest.mark.parametrize("parameters, expected", [
    ({"type": "Gauge", "q": "level>27"}, [28, 29]),
    ({"type": "Gauge", "q": "level==3,5,6"}, [3, 5, 6]),
    ({"type": "Gauge", "q": "(level<2|level>=29);name!=\"第0号\""}, [1, 29]),
    ({"type": "Gauge", "q": "name~=第1.号"}, list(range(10, 20))),
    ({"type": "Gauge", "q": "level==5..6"}, [5, 6]),
    ({"type": "(Gauge;Deep)", "q": "level<4"}, [1, 3]),
    ({"type": "Deep|Valve", "q": "level<4"}, [1, 3]),
    ({"id": f"{ident(4)},{ident(2)}"}, [2, 4]),
    ({"idPattern": "Gauge:00[12]$", "type": "Gauge"}, [1, 2]),
    ({"scopeQ": "/渝中区/街道1", "q": "level<7"}, [1, 4]),
    ({"scopeQ": "/渝中区/#", "q": "level<2"}, [0, 1]),
    ({"scopeQ": "/渝中区"}, []),
    ({"scopeQ": "/+/街道2", "q": "level<6"}, [2, 5]),
    ({"attrs": "level", "q": "level<1"}, [0]),
    ({"georel": "near;maxDistance==150", "geometry": "Point", "coordinates": "[106.51,29.5]"}, [9, 10, 11]),
    ({"georel": "within", "geometry": "Polygon",
      "coordinates": "[[[106.4995,29],[106.5015,29],[106.5015,30],[106.4995,30],[106.4995,29]]]"}, [0, 1]),
])
def test_finds(gauges, parameters, expected):
    assert levels(query(gauges, **parameters)) == expected


def test_pages(gauges):
    seen, path = [], f"{E}?type=Gauge&limit=12&count=true&options=keyValues"
    while path:
        answer = gauges.get(path)
        assert answer.headers["NGSILD-Results-Count"] == "30"
        seen += levels(answer)
        found = re.search(r'<([^>]*)>; rel="next"', answer.headers["Link"])
        path = found and found.group(1)
    assert seen == list(range(30))
    last = gauges.get(f"{E}?type=Gauge&limit=12&offset=24")
    assert 'rel="prev"' in last.headers["Link"] and "offset=12" in last.headers["Link"]
    counted = gauges.get(f"{E}?type=Gauge&q=level>=10&limit=0&count=true")
    assert counted.json == [] and counted.headers["NGSILD-Results-Count"] == "20"


def test_by_body(gauges):
    body = {"type": "Query", "entities": [{"type": "Valve"}, {"type": "Gauge", "idPattern": "00[1-3]"}],
            "q": "level>2|refGauge", "pick": ["id"]}
    answer = gauges.post("/ngsi-ld/v1/entityOperations/query", body)
    assert [e["id"] for e in answer.json] == [ident(3), "urn:ngsi-ld:Valve:1"]
    near = {"type": "Query", "geoQ": {"geometry": "Point", "coordinates": [106.51, 29.5], "georel": "near;maxDistance==10"}}
    assert gauges.post("/ngsi-ld/v1/entityOperations/query", near).json[0]["id"] == ident(10)
    assert gauges.post("/ngsi-ld/v1/entityOperations/query", {"type": "Query"}).status == 400
    assert gauges.post("/ngsi-ld/v1/entityOperations/query", {"type": "Query", "entities": []}).status == 400


def test_features(gauges):
    answer = gauges.get(f"{E}?type=Gauge&limit=2", headers={"Accept": "application/geo+json"})
    assert answer.json["type"] == "FeatureCollection" and len(answer.json["features"]) == 2
    assert answer.json["features"][0]["geometry"]["type"] == "Point" and "@context" in answer.json


def test_moved_and_rescoped(gauges):
    moved = {"location": {"type": "Point", "coordinates": [120, 30]}, "scope": "/江北区"}
    assert gauges.patch(f"{E}/{ident(5)}", moved).status == 204
    assert levels(query(gauges, georel="near;maxDistance==9", geometry="Point", coordinates="[120,30]")) == [5]
    assert levels(query(gauges, scopeQ="/江北区")) == [5]
    assert 5 not in levels(query(gauges, scopeQ="/渝中区/#"))


@pytest.mark.parametrize("parameters, status", [
    ({}, 400), ({"type": "Gauge", "nonsense": "1"}, 400), ({"q": "level>>1"}, 400), ({"type": "Gauge", "limit": "-1"}, 400),
    ({"type": "Gauge", "limit": "100000"}, 403), ({"type": "Gauge", "limit": "0"}, 400), ({"type": "(A;"}, 400),
    ({"id": "no uri"}, 400), ({"idPattern": "(", "type": "Gauge"}, 400), ({"type": "Gauge", "options": "fast"}, 400),
    ({"type": "Gauge", "format": "xml"}, 400), ({"georel": "near;maxDistance==5"}, 400), ({"scopeQ": "//"}, 400),
    ({"georel": "near;maxDistance==5", "geometry": "Point", "coordinates": "[500,0]"}, 400),
    ({"q": "|".join(f"level=={n}" for n in range(500))}, 403), ({"local": "true"}, 200),
    ({"attrs": "bad name"}, 400), ({"type": "Gauge", "count": "maybe"}, 400),
])
def test_refuses(gauges, parameters, status):
    answer = gauges.get(f"{E}?{urllib.parse.urlencode(parameters)}")
    assert answer.status == status
    if status != 200:
        assert answer.json["status"] == status and answer.json["detail"]
