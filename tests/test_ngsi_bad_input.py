# SPDX-License-Identifier: Apache-2.0
"""Bad input: a clear refusal in two languages, nothing changed, and the hub goes on (5.5.2 – 5.5.4, 6.3.2 – 6.3.4)."""
import json

import pytest

E = "/ngsi-ld/v1/entities"
GOOD = {"id": "urn:ngsi-ld:T:1", "type": "T"}


def bad(**attributes):
    return json.dumps({**GOOD, **attributes}).encode()


@pytest.mark.parametrize("body, status, kind", [
    (b"", 400, "InvalidRequest"), (b"{", 400, "InvalidRequest"), (b"\xff\xfe", 400, "InvalidRequest"),
    (b'{"id":"urn:a:1","type":"T","x":NaN}', 400, "InvalidRequest"),
    (b'{"id":"urn:a:1","type":"T","x":1e999}', 400, "InvalidRequest"),
    (b'{"a":' * 80 + b"1" + b"}" * 80, 400, "InvalidRequest"),
    (b"[]", 400, "BadRequestData"), (b"7", 400, "BadRequestData"), (b"{}", 400, "BadRequestData"),
    (bad(id="spaces in it"), 400, "BadRequestData"), (bad(id="urn:" + "a" * 3000), 400, "BadRequestData"),
    (bad(type="'; DROP TABLE entity; --"), 400, "BadRequestData"),
    (bad(**{"<script>": 1}), 400, "BadRequestData"), (bad(**{"x" * 600: 1}), 400, "BadRequestData"),
    (bad(x=None), 400, "BadRequestData"), (bad(x={"type": "Point", "coordinates": [181, 0]}), 400, "BadRequestData"),
    (bad(x={"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0]]]}), 400, "BadRequestData"),
    (bad(x={"value": 1, "observedAt": "2026-02-31T00:00:00Z"}), 400, "BadRequestData"),
    (bad(x={"value": 1, "observedAt": "2026-02-01T00:00:00"}), 400, "BadRequestData"),
    (bad(**{f"a{n}": n for n in range(1200)}), 400, "BadRequestData"),
    (bad(x="y" * (1 << 20)), 413, ""),
], ids=lambda value: repr(value)[:30])
def test_payloads(hub, body, status, kind):
    before = hub.get("/ngsi-ld/v1/types").json["typeList"]
    for language, other in (("en", "zh"), ("zh", "en")):
        answer = hub.request("POST", E, body, headers={"Content-Type": "application/json", "Accept-Language": language})
        assert answer.status == status and answer.json["type"].endswith(kind), answer
        assert any("\u4e00" <= c <= "\u9fff" for c in answer.json["title"]) == (language == "zh")
    assert hub.get("/ngsi-ld/v1/types").json["typeList"] == before == []
    assert hub.post(E, GOOD).status == 201


@pytest.mark.parametrize("headers, status", [
    ({"Content-Type": "text/plain"}, 415), ({"Content-Type": "application/xml"}, 415),
    ({"NGSILD-Tenant": "../other"}, 400), ({"Accept": "image/png"}, 406), ({"Content-Type": "application/json;charset=utf-8"}, 201),
])
def test_headers(hub, headers, status):
    answer = hub.request("POST", E, json.dumps(GOOD).encode(), headers={"Content-Type": "application/json", **headers})
    assert answer.status == status


def test_hostile_text_comes_back_as_it_went_in(hub):
    text = "<img src=x onerror=alert(1)> '; DROP TABLE entity; -- \u0001\\ \" 渝 🚰 \u202e"
    assert hub.post(E, {**GOOD, "note": text}).status == 201
    assert hub.entity(GOOD["id"])["note"]["value"] == text
    assert hub.get(E + "?type=T&q=note==%22';--%22").json == []


def test_methods_and_paths(hub):
    assert hub.request("PUT", E).status == 405
    assert hub.get("/ngsi-ld/v1/nothing").status == 404
    assert hub.get(f"{E}/not-a-uri").status == 400
    assert hub.get(f"{E}/urn:a:1?unknown=1").status == 400
    assert hub.post(E, GOOD).status == 201 and hub.post(E, GOOD).status == 409
    assert hub.patch(f"{E}/{GOOD['id']}", {"id": "urn:other:1"}).status == 400
    assert hub.post(E, {**GOOD, "id": "urn:x:2", "expiresAt": "tomorrow"}).status == 400
