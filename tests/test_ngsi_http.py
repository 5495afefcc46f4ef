# SPDX-License-Identifier: Apache-2.0
"""Common behaviour over HTTP (6.3): media types, @context, errors, methods, parameters, pages, counts."""
import http.client
import json
import re
import urllib.parse

import pytest

N = "/ngsi-ld/v1"
E = f"{N}/entities"
ERRORS = "https://uri.etsi.org/ngsi-ld/errors/"
ID = "urn:ngsi-ld:T:1"


@pytest.fixture
def one(hub):
    assert hub.post(E, {"id": ID, "type": "T", "v": 1, "location": {"type": "Point", "coordinates": [1, 2]}}).status == 201
    return hub


# ---- 6.3.4, 6.3.6: media types ----

@pytest.mark.parametrize("accept, kind", [
    (None, "application/json"), ("*/*", "application/json"), ("application/*", "application/json"), ("application/ld+json", "application/ld+json"),
    ("application/ld+json, application/json", "application/json"), ("application/geo+json, application/ld+json", "application/ld+json"),
    ("application/json;q=0.5, application/ld+json;q=0.9", "application/ld+json"), ("application/geo+json", "application/geo+json"),
    ("text/html, application/ld+json;q=0.1", "application/ld+json"), ("application/json;q=0, */*;q=0.1", "application/ld+json"),
])
def test_the_first_acceptable_media_type(one, accept, kind):
    for path in (f"{E}/{ID}", f"{E}?type=T"):
        answer = one.get(path, headers={"Accept": accept} if accept else {})
        assert answer.status == 200 and answer.headers["Content-Type"] == kind
    answer = one.post(f"{N}/entityOperations/query", {"type": "Query", "entities": [{"type": "T"}]}, headers={"Accept": accept} if accept else {})
    assert answer.headers["Content-Type"] == kind


def test_not_acceptable_lists_what_there_is(one):
    answer = one.get(f"{E}/{ID}", headers={"Accept": "image/png"})
    assert answer.status == 406 and "application/ld+json" in answer.json["detail"] and "application/geo+json" in answer.json["detail"]


@pytest.mark.parametrize("path", [f"{N}/types", f"{N}/types/T", f"{N}/attributes", f"{N}/attributes/v", f"{N}/subscriptions", f"{N}/jsonldContexts"])
def test_geojson_is_for_entities_only(one, path):
    answer = one.get(path, headers={"Accept": "application/geo+json"})
    assert answer.status == 406 and "application/json" in answer.json["detail"]


@pytest.mark.parametrize("method, path", [("POST", E), ("PATCH", f"{E}/{ID}"), ("PUT", f"{E}/{ID}"), ("POST", f"{E}/{ID}/attrs"), ("PATCH", f"{E}/{ID}/attrs"),
                                          ("PATCH", f"{E}/{ID}/attrs/v"), ("PUT", f"{E}/{ID}/attrs/v"), ("POST", f"{N}/entityOperations/query"),
                                          ("POST", f"{N}/entityOperations/upsert"), ("POST", f"{N}/subscriptions")])
def test_bodies_are_json(one, method, path):
    for kind in ("text/plain", "application/xml", "application/jsonx"):
        assert one.request(method, path, b"{}", headers={"Content-Type": kind}).status == 415
    merge = one.request(method, path, b"{", headers={"Content-Type": "application/merge-patch+json"})
    assert merge.status == (400 if method == "PATCH" else 415)  # 400: it was taken for JSON


def test_length_required(one):
    connection = http.client.HTTPConnection("127.0.0.1", one.port, timeout=30)
    connection.putrequest("POST", E)
    connection.putheader("Content-Type", "application/json")
    connection.endheaders()
    assert connection.getresponse().status == 411


# ---- 6.3.5: @context ----

def test_context_in_link_or_body_never_both(one):
    link = {"Link": f'<{N}/jsonldContexts/x>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'}
    body = json.dumps({"id": "urn:a:2", "type": "T", "@context": {"a": "https://example.org/a"}}).encode()
    assert one.request("POST", E, body, headers={"Content-Type": "application/json"}).json["type"] == ERRORS + "BadRequestData"
    assert one.request("POST", E, b'{"id":"urn:a:2","type":"T"}', headers={"Content-Type": "application/ld+json"}).json["type"] == ERRORS + "BadRequestData"
    core = {"Link": '<https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'}
    both = one.request("POST", E, body, headers={"Content-Type": "application/ld+json", **core})
    assert both.status == 400 and both.json["type"] == ERRORS + "BadRequestData"
    assert one.request("POST", E, body, headers={"Content-Type": "application/ld+json"}).status == 201
    missing = one.get(f"{E}?type=T", headers={"Link": link["Link"].replace("x>", "https://nowhere.example/c>").replace(f"<{N}/jsonldContexts/", "<")})
    assert missing.status == 504 and missing.json["type"] == ERRORS + "LdContextNotAvailable"


def test_link_headers_of_answers(one):
    plain = one.get(f"{E}/{ID}")
    assert re.fullmatch(r'<[^>]+>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld\+json"', plain.headers["Link"])
    for answer in (one.get(f"{E}/urn:a:9"), one.post(E, {"id": "urn:a:3", "type": "T"}), one.delete(f"{E}/urn:a:3"), one.get(f"{E}/{ID}", headers={"Accept": "application/ld+json"})):
        assert "Link" not in answer.headers
    gone = one.patch(f"{E}/{ID}/attrs", {"v": 2})
    assert gone.status == 204 and gone.body == b"" and "Content-Length" not in gone.headers


# ---- 6.3.2, 6.3.3: errors ----

@pytest.mark.parametrize("method, path, body, status, kind", [
    ("POST", E, {"id": ID, "type": "T"}, 409, "AlreadyExists"), ("POST", E, {"id": "x", "type": "T"}, 400, "BadRequestData"),
    ("GET", f"{E}?type=T&nonsense=1", None, 400, "InvalidRequest"), ("GET", f"{E}/{ID}?options=nonsense", None, 400, "InvalidRequest"),
    ("GET", f"{E}/urn:a:9", None, 404, "ResourceNotFound"), ("GET", f"{E}?type=T&limit=100000", None, 403, "TooManyResults"),
    ("GET", f"{E}?type=T&q=" + "|".join(["v"] * 300), None, 403, "TooComplexQuery"), ("GET", f"{N}/nothing", None, 404, "ResourceNotFound"),
    ("DELETE", f"{E}/urn:a:9", None, 404, "ResourceNotFound"), ("GET", f"{N}/types/Unknown", None, 404, "ResourceNotFound"),
])
def test_errors_are_problem_details(one, method, path, body, status, kind):
    for language in ("en", "zh"):
        answer = one.request(method, path, body, headers={"Accept": "application/ld+json", "Accept-Language": language})
        assert answer.status == status and answer.headers["Content-Type"] == "application/json", answer
        assert answer.json["type"] == ERRORS + kind and answer.json["title"] and answer.json["detail"] and answer.json["status"] == status


def test_broken_json_is_an_invalid_request(one):
    answer = one.request("POST", E, b'{"id":', headers={"Content-Type": "application/json"})
    assert answer.status == 400 and answer.json["type"] == ERRORS + "InvalidRequest"


@pytest.mark.parametrize("method, path, allowed", [
    ("PUT", E, {"GET", "POST", "DELETE"}), ("POST", f"{E}/{ID}", {"GET", "PATCH", "PUT", "DELETE"}), ("DELETE", f"{N}/types", {"GET"}),
    ("GET", f"{N}/entityOperations/query", {"POST"}), ("POST", f"{N}/attributes/v", {"GET"}), ("GET", f"{E}/{ID}/attrs", {"POST", "PATCH"}),
])
def test_wrong_methods_name_the_right_ones(one, method, path, allowed):
    answer = one.request(method, path)
    assert answer.status == 405 and set(re.split(", *", answer.headers["Allow"])) - {"HEAD", "OPTIONS"} == allowed


def test_paths_with_and_without_a_slash_at_the_end(one):
    assert one.get(f"{E}/?type=T").json == one.get(f"{E}?type=T").json
    assert one.get(f"{N}/types/").json["typeList"] == ["T"]


# ---- 6.3.20: parameters that do not belong ----

@pytest.mark.parametrize("path", [f"{E}?type=T", f"{E}/{ID}?", f"{N}/types?", f"{N}/attributes?", f"{N}/types/T?", f"{N}/attributes/v?", f"{N}/subscriptions?"])
@pytest.mark.parametrize("parameter", ["unknown=1", "options=unknown", "Type=T"])
def test_unknown_parameters(one, path, parameter):
    answer = one.get(f"{path}&{parameter}")
    assert answer.status == 400 and answer.json["type"] == ERRORS + "InvalidRequest"


# ---- 6.3.10, 6.3.13: pages and counts ----

def links(answer):
    return {rel: (path, kind) for path, rel, kind in re.findall(r'<([^>]+)>; rel="(next|prev)"; type="([^"]+)"', answer.headers.get("Link", ""))}


def test_pages_lead_to_each_other(hub):
    assert hub.post(f"{N}/entityOperations/create", [{"id": f"urn:ngsi-ld:P:{n}", "type": "P", "名称": f"第{n}"} for n in range(7)]).status == 201
    first = hub.get(f"{E}?" + urllib.parse.urlencode({"type": "P", "limit": 3, "q": '名称~="^第"', "count": "true"}), headers={"Accept": "application/ld+json"})
    assert first.headers["NGSILD-Results-Count"] == "7" and set(links(first)) == {"next"}
    path, kind = links(first)["next"]
    assert kind == "application/ld+json" and "limit=3" in path and "offset=3" in path
    second = hub.get(path, headers={"Accept": "application/ld+json"})
    assert set(links(second)) == {"next", "prev"}
    third = hub.get(links(second)["next"][0])
    assert set(links(third)) == {"prev"} and links(third)["prev"][1] == "application/json"
    assert [e["id"][-1] for a in (first, second, third) for e in a.json] == list("0123456")
    assert hub.get(links(second)["prev"][0]).json == [{k: v for k, v in e.items() if k != "@context"} for e in first.json]


def test_count_alone(one):
    answer = one.get(f"{E}?type=T&limit=0&count=true")
    assert answer.status == 200 and answer.json == [] and answer.headers["NGSILD-Results-Count"] == "1"
    assert one.get(f"{E}?type=T&limit=0").status == 400
    assert "NGSILD-Results-Count" not in one.get(f"{E}?type=T").headers
    features = one.get(f"{E}?type=T&limit=0&count=true", headers={"Accept": "application/geo+json"})
    assert features.json["features"] == []


@pytest.mark.parametrize("parameter", ["limit=-1", "limit=x", "limit=1.5", "offset=-1", "offset=x", "count=1", "local=maybe", "limit=", "limit=99999999999999999999"])
def test_numbers_and_flags(one, parameter):
    answer = one.get(f"{E}?type=T&{parameter}")
    assert answer.status == 400 and answer.json["detail"]


# ---- 5.7.2.4: too wide queries ----

@pytest.mark.parametrize("parameters, status", [
    ("", 400), ("?limit=5", 400), ("?q=createdAt>2020-01-01T00:00:00Z", 400), ("?attrs=modifiedAt", 400), ("?idPattern=.*", 400),
    ("?q=v", 200), ("?attrs=v", 200), ("?q=createdAt>2020-01-01T00:00:00Z;v", 200), ("?local=true", 200), ("?type=*", 200), ("?type=*&local=true", 200),
    ("?type=*&local=false", 400), ("?georel=near;maxDistance==10&geometry=Point&coordinates=[1,2]", 200),
])
def test_too_wide_queries(one, parameters, status):
    assert one.get(E + parameters).status == status
