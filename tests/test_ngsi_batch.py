# SPDX-License-Identifier: Apache-2.0
"""Batch operations: each entity stands for itself, the whole is one durable write (5.6.7 – 5.6.10, 5.6.20)."""
import pytest

B = "/ngsi-ld/v1/entityOperations"


def make(n, **attributes):
    return {"id": f"urn:ngsi-ld:T:{n}", "type": "T", **attributes}


def value(hub, n, name):
    return hub.entity(f"urn:ngsi-ld:T:{n}")[name]["value"]


def test_create_and_upsert(hub):
    created = hub.post(f"{B}/create", [make(1, x=1), make(2, x=2)])
    assert created.status == 201 and created.json == ["urn:ngsi-ld:T:1", "urn:ngsi-ld:T:2"]
    mixed = hub.post(f"{B}/create", [make(2), make(3)])
    assert mixed.status == 207 and mixed.json["success"] == ["urn:ngsi-ld:T:3"]
    assert mixed.json["errors"][0]["entityId"] == "urn:ngsi-ld:T:2"
    assert mixed.json["errors"][0]["error"]["status"] == 409
    upserted = hub.post(f"{B}/upsert?options=update", [make(1, y=1), make(4, y=4)])
    assert upserted.status == 201 and upserted.json == ["urn:ngsi-ld:T:4"]
    assert value(hub, 1, "x") == 1 and value(hub, 1, "y") == 1
    assert hub.post(f"{B}/upsert", [make(1, z=1)]).status == 204
    assert "x" not in hub.entity("urn:ngsi-ld:T:1")


def test_update_merge_delete(hub):
    hub.post(f"{B}/create", [make(1, x={"value": {"a": 1}, "unitCode": "CEL"}), make(2, x=2)])
    assert hub.post(f"{B}/update?options=noOverwrite", [make(2, x=9, y=9)]).status == 204
    assert value(hub, 2, "x") == 2 and value(hub, 2, "y") == 9
    assert hub.post(f"{B}/update", [make(2, x=3)]).status == 204 and value(hub, 2, "x") == 3
    assert hub.post(f"{B}/merge", [make(1, x={"value": {"b": 2}}), make(2, y="urn:ngsi-ld:null")]).status == 204
    assert hub.entity("urn:ngsi-ld:T:1")["x"] == {"type": "Property", "value": {"a": 1, "b": 2}, "unitCode": "CEL"}
    assert "y" not in hub.entity("urn:ngsi-ld:T:2")
    missing = hub.post(f"{B}/update", [make(1, x=5), make(7, x=5)])
    assert missing.status == 207 and missing.json["errors"][0]["error"]["status"] == 404 and value(hub, 1, "x") == 5
    deleted = hub.post(f"{B}/delete", ["urn:ngsi-ld:T:1", "urn:ngsi-ld:T:9"])
    assert deleted.status == 207 and deleted.json["success"] == ["urn:ngsi-ld:T:1"]
    assert hub.post(f"{B}/delete", ["urn:ngsi-ld:T:2"]).status == 204


def test_bad_elements_do_not_stop_good_ones(hub):
    answer = hub.post(f"{B}/upsert", [make(1, x=1), {"id": "no uri", "type": "T"}, 7, make(2, **{"a b": 1}), make(3, x=3)])
    assert answer.status == 207
    assert answer.json["success"] == ["urn:ngsi-ld:T:1", "urn:ngsi-ld:T:3"]
    assert [e["entityId"] for e in answer.json["errors"]] == ["no uri", "", "urn:ngsi-ld:T:2"]
    assert "a b" in answer.json["errors"][2]["error"]["detail"]


def test_same_entity_several_times(hub):
    assert hub.post(f"{B}/upsert?options=update", [make(1, x=n, **{f"a{n}": n}) for n in range(5)]).status == 201
    entity = hub.entity("urn:ngsi-ld:T:1")
    assert entity["x"]["value"] == 4 and all(f"a{n}" in entity for n in range(5))


def test_whole_batch_survives_a_kill(hub):
    assert hub.post(f"{B}/upsert", [make(n, x=n) for n in range(500)]).status == 201
    hub.kill()
    hub.start()
    counted = hub.get("/ngsi-ld/v1/entities?type=T&limit=0&count=true")
    assert counted.headers["NGSILD-Results-Count"] == "500"


@pytest.mark.parametrize("body, status", [([], 400), ({}, 400), (b"", 400), (b"[", 400), (b'{"a":', 400),
                                          ([make(n) for n in range(10001)], 413)])
def test_refuses(hub, body, status):
    answer = hub.request("POST", f"{B}/upsert", body, headers={"Content-Type": "application/json"})
    assert answer.status == status and answer.json["detail"]
