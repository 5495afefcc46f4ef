# SPDX-License-Identifier: Apache-2.0
"""@contexts without any network: in the body, in the Link header, hosted; types and attributes by name (5.13, 5.7.5 …)."""
import pytest

N = "/ngsi-ld/v1"
LD = {"Content-Type": "application/ld+json"}
TERMS = {"ex": "https://example.org/", "level": "ex:waterLevel", "Gauge": "ex:Gauge", "on": "ex:on"}


def link(url):
    return {"Link": f'<{url}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'}


@pytest.fixture
def hosted(hub):
    answer = hub.post(f"{N}/jsonldContexts", {"@context": TERMS})
    assert answer.status == 201
    return hub, answer.headers["Location"]


def test_body_and_link_mean_the_same(hosted):
    hub, url = hosted
    body = {"@context": TERMS, "id": "urn:g:1", "type": "Gauge", "level": 3, "state": {"vocab": "on"}}
    assert hub.post(f"{N}/entities", body, headers=LD).status == 201
    plain = hub.entity("urn:g:1")
    assert plain["type"] == "https://example.org/Gauge" and plain["https://example.org/waterLevel"]["value"] == 3
    assert plain["state"]["vocab"] == "https://example.org/on"
    seen = hub.get(f"{N}/entities/urn:g:1", headers=link(url))
    assert seen.json["type"] == "Gauge" and seen.json["level"]["value"] == 3 and seen.json["state"]["vocab"] == "on"
    assert url in seen.headers["Link"]
    as_ld = hub.get(f"{N}/entities/urn:g:1", headers={**link(url), "Accept": "application/ld+json"}).json
    assert as_ld["@context"] == url
    found = hub.get(f"{N}/entities?type=Gauge&q=level>2&attrs=level", headers=link(url)).json
    assert found[0]["level"]["value"] == 3
    assert hub.get(f"{N}/entities?type=Gauge").json == []
    assert hub.patch(f"{N}/entities/urn:g:1/attrs/level", {"value": 4}, headers=link(url)).status == 204
    assert hub.entity("urn:g:1")["https://example.org/waterLevel"]["value"] == 4


def test_never_both_never_fetched(hosted):
    hub, url = hosted
    body = {"id": "urn:g:1", "type": "Gauge"}
    both = hub.post(f"{N}/entities", {**body, "@context": TERMS}, headers={**LD, **link(url)})
    assert both.status == 400 and both.json["type"].endswith("BadRequestData")
    assert hub.post(f"{N}/entities", {**body, "@context": TERMS}).status == 400
    assert hub.post(f"{N}/entities", body, headers=LD).status == 400
    unknown = hub.post(f"{N}/entities", body, headers=link("https://example.org/context.jsonld"))
    assert unknown.status == 504 and unknown.json["type"].endswith("LdContextNotAvailable")
    core = link("https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.7.jsonld")
    assert hub.post(f"{N}/entities", body, headers=core).status == 201


def test_hosting(hosted):
    hub, url = hosted
    assert hub.get(url).json == {"@context": TERMS}
    assert hub.get(url + "?details=true").json["kind"] == "Hosted"
    assert hub.get(f"{N}/jsonldContexts").json == [url]
    other = "https://smart.example.org/context.jsonld"
    assert hub.post(f"{N}/jsonldContexts?url={other}", {"@context": [{"T": "https://t.org/T"}, url]}).status == 201
    assert hub.post(f"{N}/jsonldContexts?url={other}", {"@context": {}}).status == 409
    assert hub.post(f"{N}/entities", {"id": "urn:t:1", "type": "T", "level": 1}, headers=link(other)).status == 201
    assert "https://example.org/waterLevel" in hub.entity("urn:t:1")
    details = hub.get(f"{N}/jsonldContexts?details=true&kind=Cached").json
    assert [d["URL"] for d in details] == [other]
    hub.kill()
    hub.start()
    assert hub.get(f"{N}/entities/urn:t:1", headers=link(other)).json["type"] == "T"
    assert hub.delete(url).status == 204 and hub.get(url).status == 404 and hub.delete(url).status == 404
    assert hub.get(f"{N}/entities?type=T", headers=link(url)).status == 504


@pytest.mark.parametrize("body, status", [({"a": 1}, 400), ({"@context": 7}, 400), (b"{", 400),
                                          ({"@context": {"a": "b", "b": "a"}}, 400),
                                          ({"@context": "https://example.org/x"}, 504)])
def test_bad_contexts(hub, body, status):
    answer = hub.request("POST", f"{N}/jsonldContexts", body, headers={"Content-Type": "application/json"})
    assert answer.status == status and answer.json["detail"]


def test_types_and_attributes(hosted):
    hub, url = hosted
    hub.post(f"{N}/entities", {"id": "urn:g:1", "type": "Gauge", "level": 3}, headers=link(url))
    hub.post(f"{N}/entities", {"id": "urn:v:1", "type": "Valve", "state": "open", "on": {"object": "urn:g:1"}})
    assert hub.get(f"{N}/types", headers=link(url)).json["typeList"] == ["Valve", "Gauge"]
    gauge = hub.get(f"{N}/types/Gauge", headers=link(url)).json
    assert gauge["entityCount"] == 1 and gauge["attributeDetails"][0]["attributeName"] == "level"
    assert hub.get(f"{N}/types/Gauge").status == 404
    summary = hub.get(f"{N}/types?details=true").json
    assert {t["typeName"]: t["attributeNames"] for t in summary}["Valve"] == ["on", "state"]
    assert "state" in hub.get(f"{N}/attributes").json["attributeList"]
    state = hub.get(f"{N}/attributes/on").json
    assert state["attributeCount"] == 1 and state["typeNames"] == ["Valve"] and state["attributeTypes"] == ["Relationship"]
    assert hub.get(f"{N}/attributes/nothing").status == 404
