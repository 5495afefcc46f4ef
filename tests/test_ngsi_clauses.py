# SPDX-License-Identifier: Apache-2.0
"""Entities and batches, clause by clause: what the text of 5.6.1 – 5.6.10 and 5.6.17 – 5.6.20 says beyond the ordinary case."""
import pytest

E = "/ngsi-ld/v1/entities"
B = "/ngsi-ld/v1/entityOperations"
ID = "urn:ngsi-ld:T:1"
NULL = "urn:ngsi-ld:null"


def get(hub, query="", identifier=ID):
    return hub.get(f"{E}/{identifier}{query}").json


def kind(answer):
    return answer.json["type"].rsplit("/", 1)[-1]


@pytest.fixture
def thing(hub):
    assert hub.post(E, {"id": ID, "type": "T", "n": [{"type": "Property", "value": 1}, {"type": "Property", "value": 2, "datasetId": "urn:d:2"}],
                        "seen": {"type": "Property", "value": 5, "observedAt": "2026-01-01T00:00:00Z"}, "m": 1,
                        "title": {"type": "LanguageProperty", "languageMap": {"zh": "站", "en": "station"}}}).status == 201
    return hub


def test_5_6_1_create(thing):
    answer = thing.post(E, {"id": ID, "type": "T"})
    assert answer.status == 409 and kind(answer) == "AlreadyExists"


def test_5_6_2_update_attributes(thing):
    created = get(thing, "?options=sysAttrs")["m"]["createdAt"]
    assert thing.patch(f"{E}/{ID}/attrs", {"type": "U", "scope": "/a", "m": 2, "new": 3, "n": {"value": 9, "datasetId": "urn:d:3", "type": "Property"}}).status == 204
    entity = get(thing, "?options=sysAttrs")
    assert entity["type"] == ["T", "U"] and "scope" not in entity  # no scope there: ignored
    assert entity["m"]["value"] == 2 and entity["m"]["createdAt"] == created and entity["new"]["value"] == 3
    assert [i["value"] for i in entity["n"]] == [1, 2, 9]
    assert thing.patch(f"{E}/{ID}/attrs", {"m": NULL, "n": {"type": "Property", "value": NULL, "datasetId": "urn:d:2"}}).status == 204
    assert "m" not in get(thing) and [i["value"] for i in get(thing)["n"]] == [1, 9]
    missing = thing.patch(f"{E}/urn:ngsi-ld:T:9/attrs", {"m": 1})
    assert missing.status == 404 and kind(missing) == "ResourceNotFound"
    assert thing.patch(f"{E}/nonsense/attrs", {"m": 1}).status == 400 and thing.patch(f"{E}/{ID}/attrs?type=X", {"m": 1}).status == 404


def test_5_6_3_append(thing):
    kept = thing.post(f"{E}/{ID}/attrs?options=noOverwrite", {"m": 7, "new": 1, "scope": "/a", "n": {"type": "Property", "value": 3, "datasetId": "urn:d:3"}})
    assert kept.status == 207 and sorted(kept.json["updated"]) == ["n", "new"] and kept.json["notUpdated"][0]["attributeName"] == "m"
    assert get(thing)["m"]["value"] == 1 and get(thing)["scope"] == "/a"
    assert thing.post(f"{E}/{ID}/attrs?options=noOverwrite", {"scope": "/b"}).status == 204 and get(thing)["scope"] == ["/a", "/b"]
    assert thing.post(f"{E}/{ID}/attrs", {"scope": "/c", "m": 8}).status == 204
    assert get(thing)["scope"] == "/c" and get(thing)["m"]["value"] == 8


def test_5_6_4_partial_update(thing):
    assert thing.patch(f"{E}/{ID}/attrs/n", {"type": "Property", "value": 20, "datasetId": "urn:d:2"}).status == 204
    assert [i["value"] for i in get(thing)["n"]] == [1, 20]
    for name, body, status in (("nothing", {"value": 1}, 404), ("n", {"value": 1, "datasetId": "urn:d:9"}, 404), ("scope", {"value": "/a"}, 400),
                               ("m", {"type": "Relationship", "object": "urn:a:b"}, 400), ("a<b", {"value": 1}, 400)):
        assert thing.patch(f"{E}/{ID}/attrs/{name}", body).status == status, name


def test_5_6_5_delete_attribute(thing):
    answer = thing.delete(f"{E}/{ID}/attrs/scope")
    assert answer.status == 404 and kind(answer) == "ResourceNotFound"
    thing.post(f"{E}/{ID}/attrs", {"scope": "/a"})
    assert thing.delete(f"{E}/{ID}/attrs/scope").status == 204 and "scope" not in get(thing)
    assert thing.delete(f"{E}/{ID}/attrs/n?datasetId=urn:d:2").status == 204 and get(thing)["n"]["value"] == 1
    assert thing.delete(f"{E}/{ID}/attrs/n?datasetId=urn:d:2").status == 404
    thing.post(f"{E}/{ID}/attrs", {"n": {"type": "Property", "value": 2, "datasetId": "urn:d:2"}})
    assert thing.delete(f"{E}/{ID}/attrs/n?deleteAll=true").status == 204 and "n" not in get(thing)
    assert thing.delete(f"{E}/{ID}/attrs/n?deleteAll=true").status == 404 and thing.delete(f"{E}/{ID}/attrs/m?deleteAll=perhaps").status == 400


def test_5_6_6_delete(thing):
    assert thing.delete(f"{E}/{ID}?type=X").status == 404 and thing.delete(f"{E}/{ID}?type=X|T").status == 204
    assert thing.delete(f"{E}/{ID}").status == 404 and thing.delete(f"{E}/nonsense").status == 400


@pytest.mark.parametrize("operation", ["create", "upsert", "update", "merge", "delete"])
def test_batches_refuse_what_is_no_list(hub, operation):
    for body in ([], {}, [None], [{"id": ID, "type": "T"}, None]):
        answer = hub.post(f"{B}/{operation}", body)
        assert answer.status == 400 and kind(answer) == "BadRequestData", (body, answer)
    assert hub.get(f"{E}/{ID}").status == 404


def test_5_6_7_batch_create(thing):
    answer = thing.post(f"{B}/create", [{"id": ID, "type": "T"}, {"id": "urn:ngsi-ld:T:2", "type": "T"}, {"id": "x", "type": "T"}, {"type": "T"}])
    assert answer.status == 207 and answer.json["success"] == ["urn:ngsi-ld:T:2"]
    assert [(e["entityId"], e["error"]["type"].rsplit("/", 1)[-1]) for e in answer.json["errors"]] == [
        (ID, "AlreadyExists"), ("x", "BadRequestData"), ("", "BadRequestData")]
    assert thing.post(f"{B}/create", [{"id": "urn:ngsi-ld:T:3", "type": "T"}]).json == ["urn:ngsi-ld:T:3"]


def test_5_6_8_batch_upsert(thing):
    both = [{"id": ID, "type": "T", "m": NULL, "scope": "/a", "k": 1}, {"id": "urn:ngsi-ld:T:2", "type": "T", "scope": "/a", "k": 1}]
    answer = thing.post(f"{B}/upsert?options=update", both)
    assert answer.status == 201 and answer.json == ["urn:ngsi-ld:T:2"]
    entity = get(thing)
    assert "m" not in entity and "scope" not in entity and entity["k"]["value"] == 1 and "n" in entity  # as 5.6.2
    assert get(thing, "", "urn:ngsi-ld:T:2")["scope"] == "/a"
    assert thing.post(f"{B}/upsert", [{"id": ID, "type": "T", "k": 2}]).status == 204
    assert set(get(thing)) == {"id", "type", "k"}


def test_5_6_9_batch_update(thing):
    answer = thing.post(f"{B}/update", [{"id": ID, "m": 5, "scope": "/a"}, {"id": "urn:ngsi-ld:T:9", "m": 5}])
    assert answer.status == 207 and answer.json["success"] == [ID] and answer.json["errors"][0]["error"]["type"].endswith("ResourceNotFound")
    assert get(thing)["m"]["value"] == 5 and get(thing)["scope"] == "/a"
    assert thing.post(f"{B}/update?options=noOverwrite", [{"id": ID, "m": 6, "new": 1}]).status == 204
    assert get(thing)["m"]["value"] == 5 and get(thing)["new"]["value"] == 1


def test_5_6_10_batch_delete(thing):
    answer = thing.post(f"{B}/delete", [ID, "urn:ngsi-ld:T:9"])
    assert answer.status == 207 and answer.json["success"] == [ID] and answer.json["errors"][0]["entityId"] == "urn:ngsi-ld:T:9"


def test_5_6_17_merge_with_a_common_time_and_language(thing):
    assert thing.patch(f"{E}/{ID}?observedAt=2026-02-02T08:00:00%2B08:00&lang=en", {"seen": 6, "m": 2, "title": "stop"}).status == 204
    entity = get(thing)
    assert entity["seen"] == {"type": "Property", "value": 6, "observedAt": "2026-02-02T00:00:00Z"} and "observedAt" not in entity["m"]
    assert entity["title"] == {"type": "LanguageProperty", "languageMap": {"zh": "站", "en": "stop"}}
    own = {"seen": {"type": "Property", "value": 7, "observedAt": "2026-03-03T00:00:00Z"}, "title": {"type": "LanguageProperty", "languageMap": {"fr": "gare"}}}
    assert thing.patch(f"{E}/{ID}?observedAt=2026-02-02T00:00:00Z&lang=en", own).status == 204
    assert get(thing)["seen"]["observedAt"] == "2026-03-03T00:00:00Z"
    assert get(thing)["title"]["languageMap"] == {"zh": "站", "en": "stop", "fr": "gare"}
    for bad in ("observedAt=yesterday", "lang=", "lang=a b", "lang=" + "x" * 36):
        assert thing.patch(f"{E}/{ID}?{bad}", {"m": 3}).status == 400, bad
    assert get(thing)["m"]["value"] == 2


def test_5_6_17_merge(thing):
    assert thing.patch(f"{E}/{ID}", {"type": "U", "scope": "/b", "m": NULL, "n": {"type": "Property", "value": NULL, "datasetId": "urn:d:2"}}).status == 204
    entity = get(thing)
    assert entity["type"] == ["T", "U"] and entity["scope"] == "/b" and "m" not in entity and entity["n"]["value"] == 1


def test_5_6_18_replace(thing):
    created = get(thing, "?options=sysAttrs")["createdAt"]
    assert thing.put(f"{E}/{ID}", {"type": "T", "k": 1}).status == 204
    assert set(get(thing)) == {"id", "type", "k"} and get(thing, "?options=sysAttrs")["createdAt"] == created
    assert thing.put(f"{E}/urn:ngsi-ld:T:9", {"type": "T"}).status == 404 and thing.put(f"{E}/{ID}", {"type": "T", "k": NULL}).status == 400


def test_5_6_19_replace_attribute(thing):
    created = get(thing, "?options=sysAttrs")["m"]["createdAt"]
    assert thing.put(f"{E}/{ID}/attrs/m", {"type": "Relationship", "object": "urn:a:b"}).status == 204
    assert get(thing)["m"] == {"type": "Relationship", "object": "urn:a:b"} and get(thing, "?options=sysAttrs")["m"]["createdAt"] == created
    assert thing.put(f"{E}/{ID}/attrs/n", {"type": "Property", "value": 3, "datasetId": "urn:d:9"}).status == 404
    assert thing.put(f"{E}/{ID}/attrs/scope", {"value": "/a"}).status == 400 and thing.put(f"{E}/{ID}/attrs/nothing", {"value": 1}).status == 404


def test_5_6_20_batch_merge(thing):
    answer = thing.post(f"{B}/merge", [{"id": ID, "m": NULL, "seen": {"type": "Property", "value": 9}}, {"id": "urn:ngsi-ld:T:9", "m": 1}])
    assert answer.status == 207 and answer.json["success"] == [ID] and answer.json["errors"][0]["entityId"] == "urn:ngsi-ld:T:9"
    assert "m" not in get(thing) and get(thing)["seen"] == {"type": "Property", "value": 9, "observedAt": "2026-01-01T00:00:00Z"}
