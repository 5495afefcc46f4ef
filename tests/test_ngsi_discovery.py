# SPDX-License-Identifier: Apache-2.0
"""What types and attributes there are (5.7.5 – 5.7.10, 5.2.24 – 5.2.28, 6.25 – 6.28)."""
import pytest

N = "/ngsi-ld/v1"
DEFAULT = "https://uri.etsi.org/ngsi-ld/default-context/"
CONTEXT = {"Car": "https://example.org/Car", "brand": "https://example.org/brand"}


@pytest.fixture
def filled(hub):
    context = {"id": "urn:ngsi-ld:Car:1", "type": "Car", "brand": {"value": "x"}, "at": {"object": "urn:x:1"}, "@context": CONTEXT}
    answer = hub.request("POST", f"{N}/entities", __import__("json").dumps(context).encode(), headers={"Content-Type": "application/ld+json"})
    assert answer.status == 201
    entities = [{"id": "urn:ngsi-ld:Bus:1", "type": ["Bus", "Vehicle"], "at": {"type": "Point", "coordinates": [1, 2]}, "seats": 5},
                {"id": "urn:ngsi-ld:Bus:2", "type": "Bus", "seats": {"valueList": [1, 2]}}]
    assert hub.post(f"{N}/entityOperations/create", entities).status == 201
    return hub


@pytest.fixture
def link(filled):
    answer = filled.post(f"{N}/jsonldContexts", {"@context": CONTEXT})
    assert answer.status == 201
    location = answer.headers["Location"]
    url = location if location.startswith("http") else filled.url + location
    return {"Link": f'<{url}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'}


def test_list_of_types(filled, link):
    body = filled.get(f"{N}/types").json
    assert set(body) == {"id", "type", "typeList"} and body["type"] == "EntityTypeList" and body["id"].startswith("urn:")
    assert sorted(body["typeList"]) == ["Bus", "Vehicle", "https://example.org/Car"]
    assert sorted(filled.get(f"{N}/types", headers=link).json["typeList"]) == ["Bus", "Car", "Vehicle"]
    assert "@context" in filled.get(f"{N}/types", headers={"Accept": "application/ld+json"}).json
    assert filled.get(f"{N}/types?details=false").json["typeList"]


def test_details_of_types(filled, link):
    body = {t["typeName"]: t for t in filled.get(f"{N}/types?details=true", headers=link).json}
    assert body["Car"] == {"id": "https://example.org/Car", "type": "EntityType", "typeName": "Car", "attributeNames": body["Car"]["attributeNames"]}
    assert sorted(body["Car"]["attributeNames"]) == ["at", "brand"]
    assert body["Bus"]["id"] == DEFAULT + "Bus" and sorted(body["Bus"]["attributeNames"]) == ["at", "seats"]
    in_ld = filled.get(f"{N}/types?details=true", headers={"Accept": "application/ld+json"}).json
    assert len(in_ld) == 3 and all("@context" in t for t in in_ld)


def test_one_type(filled, link):
    body = filled.get(f"{N}/types/Bus").json
    assert {k: body[k] for k in ("id", "type", "typeName", "entityCount")} == {"id": DEFAULT + "Bus", "type": "EntityTypeInfo", "typeName": "Bus", "entityCount": 2}
    details = {d["attributeName"]: d for d in body["attributeDetails"]}
    assert all(set(d) == {"id", "type", "attributeName", "attributeTypes"} and d["type"] == "Attribute" for d in details.values())
    assert details["at"]["attributeTypes"] == ["GeoProperty"] and sorted(details["seats"]["attributeTypes"]) == ["ListProperty", "Property"]
    assert filled.get(f"{N}/types/Car", headers=link).json["entityCount"] == 1
    assert filled.get(f"{N}/types/https%3A%2F%2Fexample.org%2FCar").json["entityCount"] == 1
    assert filled.get(f"{N}/types/Car").status == 404  # another Car, by the default @context
    assert filled.get(f"{N}/types/a b").status == 400


def test_list_of_attributes(filled, link):
    body = filled.get(f"{N}/attributes", headers=link).json
    assert set(body) == {"id", "type", "attributeList"} and body["type"] == "AttributeList"
    assert sorted(body["attributeList"]) == ["at", "brand", "seats"]


def test_details_of_attributes(filled):
    body = {a["attributeName"]: a for a in filled.get(f"{N}/attributes?details=true").json}
    assert set(body) == {"at", "seats", "https://example.org/brand"}
    assert set(body["at"]) == {"id", "type", "attributeName", "typeNames"} and body["at"]["id"] == DEFAULT + "at"
    assert sorted(body["at"]["typeNames"]) == ["Bus", "Vehicle", "https://example.org/Car"]
    in_ld = filled.get(f"{N}/attributes?details=true", headers={"Accept": "application/ld+json"}).json
    assert all("@context" in a for a in in_ld)


def test_one_attribute(filled, link):
    body = filled.get(f"{N}/attributes/at", headers=link).json
    assert sorted(body.pop("typeNames")) == ["Bus", "Car", "Vehicle"] and sorted(body.pop("attributeTypes")) == ["GeoProperty", "Relationship"]
    assert body == {"id": DEFAULT + "at", "type": "Attribute", "attributeName": "at", "attributeCount": 2}
    assert filled.get(f"{N}/attributes/nothing").status == 404
    assert filled.get(f"{N}/attributes/{{x}}").status == 400
    assert filled.get(f"{N}/attributes/id").status == 400


def test_what_is_gone_is_not_listed(filled):
    assert filled.delete(f"{N}/entities/urn:ngsi-ld:Bus:1").status == 204
    assert "Vehicle" not in filled.get(f"{N}/types").json["typeList"]
    assert filled.get(f"{N}/types/Vehicle").status == 404 and filled.get(f"{N}/types/Bus").json["entityCount"] == 1


@pytest.mark.parametrize("path", ["types?details=maybe", "attributes?details=1", "types?limit=1", "types/Bus?details=true"])
def test_refuses(filled, path):
    assert filled.get(f"{N}/{path}").status == 400
