# SPDX-License-Identifier: Apache-2.0
"""One entity over HTTP: create, read in each representation, merge, replace, delete, and its attributes (5.6, 5.7.1)."""
import pytest

E = "/ngsi-ld/v1/entities"
ID = "urn:ngsi-ld:Station:1"
STATION = {
    "id": ID, "type": "Station", "scope": "/渝中区/大坪街道",
    "pm25": {"type": "Property", "value": 12.5, "unitCode": "GQ", "observedAt": "2026-03-01T08:00:00+08:00"},
    "name": "七星岗", "location": {"type": "Point", "coordinates": [106.57, 29.56]},
    "refPipe": {"object": "urn:ngsi-ld:Pipe:7"},
    "title": {"languageMap": {"zh": "测站", "en": "station"}},
}


@pytest.fixture
def station(hub):
    answer = hub.post(E, STATION)
    assert answer.status == 201 and answer.headers["Location"] == f"{E}/{ID}"
    return hub


def simplified(hub, **kw):
    return hub.get(f"{E}/{ID}?options=keyValues", **kw).json


def test_representations(station):
    entity = station.entity(ID)
    assert entity["pm25"] == {"type": "Property", "value": 12.5, "unitCode": "GQ", "observedAt": "2026-03-01T00:00:00Z"}
    assert entity["name"] == {"type": "Property", "value": "七星岗"}
    assert entity["location"]["type"] == "GeoProperty" and entity["refPipe"]["type"] == "Relationship"
    concise = station.get(f"{E}/{ID}?options=concise").json
    assert concise["name"] == "七星岗" and concise["refPipe"] == {"object": "urn:ngsi-ld:Pipe:7"}
    assert simplified(station) == {**STATION, "pm25": 12.5, "refPipe": "urn:ngsi-ld:Pipe:7"}
    assert station.get(f"{E}/{ID}?format=simplified&lang=en").json["title"] == "station"
    assert "createdAt" not in entity
    times = station.get(f"{E}/{ID}?options=sysAttrs").json
    assert times["createdAt"] == times["pm25"]["createdAt"] and times["createdAt"].endswith("Z")


def test_projection(station):
    assert set(station.get(f"{E}/{ID}?attrs=name").json) == {"id", "type", "scope", "name"}
    assert set(station.get(f"{E}/{ID}?pick=id,name").json) == {"id", "name"}
    assert "name" not in station.get(f"{E}/{ID}?omit=name").json
    assert station.get(f"{E}/{ID}?attrs=nothing").status == 404


def test_media_types(station):
    geo = station.get(f"{E}/{ID}", headers={"Accept": "application/geo+json"})
    assert geo.headers["Content-Type"] == "application/geo+json"
    assert geo.json["type"] == "Feature" and geo.json["geometry"]["coordinates"] == [106.57, 29.56]
    ld = station.get(f"{E}/{ID}", headers={"Accept": "application/ld+json"})
    assert ld.json["@context"].endswith("ngsi-ld-core-context-v1.9.jsonld") and "Link" not in ld.headers
    plain = station.get(f"{E}/{ID}")
    assert "@context" not in plain.json and "ngsi-ld-core-context" in plain.headers["Link"]
    assert station.get(f"{E}/{ID}", headers={"Accept": "text/html"}).status == 406


def test_merge(station):
    patch = {"pm25": {"value": 13}, "name": "urn:ngsi-ld:null", "refPipe": "urn:ngsi-ld:Pipe:8",
             "title": {"languageMap": {"en": "post"}}}
    assert station.patch(f"{E}/{ID}", patch).status == 204
    entity = station.entity(ID)
    assert entity["pm25"]["value"] == 13 and entity["pm25"]["unitCode"] == "GQ" and "name" not in entity
    assert entity["refPipe"] == {"type": "Relationship", "object": "urn:ngsi-ld:Pipe:8"}
    assert entity["title"]["languageMap"] == {"zh": "测站", "en": "post"}


def test_replace_and_delete(station):
    assert station.put(f"{E}/{ID}", {"type": "Station", "level": 3}).status == 204
    assert simplified(station) == {"id": ID, "type": "Station", "level": 3}
    assert station.delete(f"{E}/{ID}").status == 204
    assert station.get(f"{E}/{ID}").status == 404 and station.delete(f"{E}/{ID}").status == 404
    assert station.patch(f"{E}/{ID}", {"level": 1}).status == 404
    assert station.put(f"{E}/{ID}", {"type": "Station"}).status == 404


def test_append(station):
    assert station.post(f"{E}/{ID}/attrs", {"name": "新名", "level": 1}).status == 204
    kept = station.post(f"{E}/{ID}/attrs?options=noOverwrite", {"name": "x", "depth": 2})
    assert kept.status == 207 and kept.json["updated"] == ["depth"]
    assert [n["attributeName"] for n in kept.json["notUpdated"]] == ["name"]
    assert simplified(station)["name"] == "新名" and simplified(station)["depth"] == 2
    assert station.patch(f"{E}/{ID}/attrs", {"depth": 3, "more": 4}).status == 204
    assert simplified(station)["more"] == 4


def test_one_attribute(station):
    attr = f"{E}/{ID}/attrs/pm25"
    assert station.patch(attr, {"observedAt": "2026-03-01T01:00:00Z"}).status == 204
    assert station.entity(ID)["pm25"] == {"type": "Property", "value": 12.5, "unitCode": "GQ",
                                          "observedAt": "2026-03-01T01:00:00Z"}
    assert station.patch(attr, {"type": "Relationship", "object": "urn:a:1"}).status == 400
    assert station.put(attr, {"type": "Property", "value": 1}).status == 204
    assert station.entity(ID)["pm25"] == {"type": "Property", "value": 1}
    assert station.patch(f"{E}/{ID}/attrs/nothing", {"value": 1}).status == 404
    assert station.delete(attr).status == 204 and station.delete(attr).status == 404
    for name in ("id", "type", "createdAt"):
        assert station.delete(f"{E}/{ID}/attrs/{name}").status == 400
        assert station.put(f"{E}/{ID}/attrs/{name}", {"value": 1}).status == 400
    assert station.delete(f"{E}/{ID}/attrs/scope").status == 204 and "scope" not in station.entity(ID)


def test_datasets(station):
    many = [{"type": "Property", "value": 1}, {"type": "Property", "value": 2, "datasetId": "urn:d:2"},
            {"type": "Property", "value": 3, "datasetId": "urn:d:3"}]
    assert station.post(f"{E}/{ID}/attrs", {"x": many}).status == 204
    assert station.entity(ID)["x"] == many
    assert simplified(station)["x"] == {"dataset": {"@none": 1, "urn:d:2": 2, "urn:d:3": 3}}
    assert station.get(f"{E}/{ID}?datasetId=urn:d:2,urn:d:3&attrs=x").json["x"] == many[1:]
    default = station.get(f"{E}/{ID}?datasetId=@none&options=keyValues").json
    assert default["x"] == 1 and default["name"] == "七星岗"
    attr = f"{E}/{ID}/attrs/x"
    assert station.patch(attr, {"value": 9, "datasetId": "urn:d:2"}).status == 204
    assert station.delete(attr + "?datasetId=urn:d:3").status == 204
    assert station.delete(attr).status == 204
    assert station.entity(ID)["x"] == {"type": "Property", "value": 9, "datasetId": "urn:d:2"}
    assert station.delete(attr).status == 404 and station.delete(attr + "?deleteAll=true").status == 204


def test_survives_restart(station):
    before = station.entity(ID)
    station.kill()
    station.start()
    assert station.entity(ID) == before
