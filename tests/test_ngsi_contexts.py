# SPDX-License-Identifier: Apache-2.0
"""@contexts: in the body, in the Link header, hosted, fetched from other servers, brought along, made for subscriptions (5.13,
6.3.16); types and attributes by name (5.7.5 …)."""
import concurrent.futures
import http.server
import json
import threading
import urllib.parse

import pytest

from conftest import wait_for
from test_subscriptions import Receiver

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


# ---- of other servers ----

class Contexts:
    """A server of @contexts: path → what it answers, a dict (sent as JSON) or a function of the handler."""

    def __init__(self):
        self.pages, self.asked, self.hold = {}, [], None
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                server.asked.append(self.path)
                if server.hold:
                    server.hold.wait(30)
                page = server.pages.get(self.path)
                headers = {}
                if isinstance(page, tuple):
                    page, headers = page
                if isinstance(page, int):
                    self.send_response(page)
                    body = b""
                else:
                    self.send_response(200 if page is not None else 404)
                    body = page if isinstance(page, bytes) else json.dumps(page).encode()
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        if self.hold:
            self.hold.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def contexts():
    c = Contexts()
    yield c
    c.close()


@pytest.fixture
def fetching(make_hub):
    return make_hub("--contexts", "fetch-private")


def gauge(number=1, **members):
    return {"id": f"urn:g:{number}", "type": "Gauge", "level": 3, **members}


def test_fetched_once_and_kept(fetching, contexts):
    hub, url = fetching, contexts.url + "/c.jsonld"
    contexts.pages["/c.jsonld"] = {"@context": TERMS, "more": "is dropped"}
    assert hub.post(f"{N}/entities", gauge(), headers=link(url)).status == 201
    assert hub.post(f"{N}/entities", gauge(2, **{"@context": [url]}), headers=LD).status == 201
    assert hub.post(f"{N}/entityOperations/create", [gauge(3, **{"@context": url})], headers=LD).status == 201
    assert hub.entity("urn:g:3")["https://example.org/waterLevel"]["value"] == 3
    hub.stop()
    hub.start()
    assert hub.get(f"{N}/entities?type=Gauge", headers=link(url)).json[0]["level"]["value"] == 3
    assert contexts.asked == ["/c.jsonld"]
    details = hub.get(f"{N}/jsonldContexts?details=true&kind=Cached").json[0]
    assert details["URL"] == url and details["numberOfHits"] >= 4 and details["lastUsage"] and details["expiresAt"]
    for name in details["localId"], urllib.parse.quote(url, safe=""):
        assert hub.get(f"{N}/jsonldContexts/{name}?details=true").json["URL"] == url
        served = hub.get(f"{N}/jsonldContexts/{name}")
        assert served.status == 422 and served.json["type"].endswith("OperationNotSupported")
    assert hub.delete(f"{N}/jsonldContexts/{details['localId']}").status == 204
    assert hub.get(f"{N}/jsonldContexts").json == []


def test_one_fetch_for_all_that_wait(fetching, contexts):
    hub, url = fetching, contexts.url + "/c.jsonld"
    contexts.pages["/c.jsonld"] = {"@context": TERMS}
    contexts.hold = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(hub.post, f"{N}/entities", gauge(n), headers=link(url)) for n in range(20)]
        wait_for("the fetch", lambda: contexts.asked)
        assert hub.get(f"{N}/types").status == 200  # none of the server's threads waits
        contexts.hold.set()
        assert [a.result().status for a in answers] == [201] * 20
    assert len(contexts.asked) == 1


def test_of_several_parts(fetching, contexts):
    contexts.pages["/a"] = {"@context": [contexts.url + "/b", {"Gauge": "ex:Gauge"}]}
    contexts.pages["/b"] = {"@context": {"ex": "https://example.org/", "level": "ex:waterLevel"}}
    assert fetching.post(f"{N}/entities", gauge(), headers=link(contexts.url + "/a")).status == 201
    assert "https://example.org/waterLevel" in fetching.entity("urn:g:1")
    contexts.pages["/x"] = {"@context": [contexts.url + "/y"]}
    contexts.pages["/y"] = {"@context": [contexts.url + "/x"]}
    circle = fetching.post(f"{N}/entities", gauge(2), headers=link(contexts.url + "/x"))
    assert circle.status in (400, 504) and circle.json["detail"]


def test_expiry_and_reload(fetching, contexts):
    hub, url = fetching, contexts.url + "/c.jsonld"
    contexts.pages["/c.jsonld"] = ({"@context": TERMS}, {"Cache-Control": "max-age=1"})
    hub.post(f"{N}/entities", gauge(), headers=link(url))
    contexts.pages["/c.jsonld"] = ({"@context": {**TERMS, "level": "ex:other"}}, {"Cache-Control": "public, max-age=3600"})
    wait_for("the new one", lambda: "level" not in hub.get(f"{N}/entities/urn:g:1", headers=link(url)).json)
    assert len(contexts.asked) == 2
    contexts.pages["/c.jsonld"] = {"@context": TERMS}
    name = f"{N}/jsonldContexts/" + urllib.parse.quote(url, safe="")
    assert "level" not in hub.get(f"{N}/entities/urn:g:1", headers=link(url)).json
    assert hub.delete(name + "?reload=true").status == 204
    assert "level" in hub.get(f"{N}/entities/urn:g:1", headers=link(url)).json
    contexts.pages["/c.jsonld"] = {"@context": 7}
    broken = hub.delete(name + "?reload=true")
    assert broken.status == 504 and broken.json["type"].endswith("LdContextNotAvailable")
    assert "level" in hub.get(f"{N}/entities/urn:g:1", headers=link(url)).json
    own = hub.post(f"{N}/jsonldContexts", {"@context": TERMS}).headers["Location"]
    assert hub.delete(own + "?reload=true").status == 400


def test_an_old_copy_is_better_than_none(fetching, contexts):
    hub, url = fetching, contexts.url + "/c.jsonld"
    contexts.pages["/c.jsonld"] = ({"@context": TERMS}, {"Expires": "Thu, 01 Jan 1970 00:00:00 GMT"})
    hub.post(f"{N}/entities", gauge(), headers=link(url))
    contexts.pages["/c.jsonld"] = 500
    wait_for("another try", lambda: hub.get(f"{N}/entities/urn:g:1", headers=link(url)) and len(contexts.asked) > 1)
    assert "level" in hub.get(f"{N}/entities/urn:g:1", headers=link(url)).json


@pytest.mark.parametrize("page", [404, 500, b"<html>", {"no": "context"}, {"@context": 7}, b"{" + b" " * (1 << 20) + b"}",
                                  (302, {"Location": "/c.jsonld"}), (302, {}), (302, {"Location": "file:///etc/passwd"})])
def test_what_cannot_be_had(fetching, contexts, page):
    contexts.pages["/c.jsonld"] = page
    for _ in range(3):
        answer = fetching.post(f"{N}/entities", gauge(), headers=link(contexts.url + "/c.jsonld"))
        assert answer.status == 504 and answer.json["type"].endswith("LdContextNotAvailable"), answer
        assert "c.jsonld" in answer.json["detail"]
    assert len(contexts.asked) <= 6  # once, with its redirects: failures are remembered
    batch = fetching.post(f"{N}/entityOperations/create", [gauge(1, **{"@context": contexts.url + "/c.jsonld"}),
                                                           gauge(2, **{"@context": TERMS})], headers=LD)
    assert batch.status == 207 and batch.json["success"] == ["urn:g:2"]


def test_redirects(fetching, contexts):
    contexts.pages["/old"] = (301, {"Location": "new"})
    contexts.pages["/new"] = {"@context": TERMS}
    assert fetching.post(f"{N}/entities", gauge(), headers=link(contexts.url + "/old")).status == 201


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "169.254.169.254", "10.255.255.1",
                                  "2130706433", "[::ffff:127.0.0.1]"])
def test_private_networks_are_closed(make_hub, contexts, host):
    hub = make_hub("--contexts", "fetch")
    contexts.pages["/c.jsonld"] = {"@context": TERMS}
    port = contexts.url.rsplit(":", 1)[1]
    answer = hub.post(f"{N}/entities", gauge(), headers=link(f"http://{host}:{port}/c.jsonld"))
    assert answer.status == 504 and contexts.asked == [], answer


def test_other_schemes_are_not_fetched(fetching):
    for url in "file:///etc/passwd", "ftp://127.0.0.1/x", "urn:x:y", "http://user:pw@127.0.0.1:1/x":
        assert fetching.post(f"{N}/entities", gauge(), headers=link(url)).status == 504


def test_bad_policy(tmp_path):
    from conftest import program
    answer = program("serve", "--data", str(tmp_path / "d"), "--listen", "127.0.0.1:0", "--auth", "off", "--contexts", "some")
    assert answer.returncode != 0 and "fetch-private" in answer.stderr


# ---- brought along ----

def test_brought_along(make_hub, tmp_path):
    url = "https://smart.example.org/context.jsonld"
    folder, pack = tmp_path / "contexts", tmp_path / "packs/p/contexts"
    for f in folder, pack:
        f.mkdir(parents=True)
    (folder / "index.json").write_text(json.dumps({url: "smart.jsonld"}))
    (folder / "smart.jsonld").write_text(json.dumps({"@context": TERMS}))
    (pack / "index.json").write_text(json.dumps({url + "2": "p.jsonld"}))
    (pack / "p.jsonld").write_text(json.dumps({"@context": [url, {"Pump": "ex:Pump"}]}))
    (tmp_path / "packs/p/pack.yaml").write_text("pack: {name: p, version: 1.0.0, title: P}\n")
    hub = make_hub("--contexts-dir", str(folder), packs=[tmp_path / "packs"])
    assert hub.post(f"{N}/entities", gauge(), headers=link(url)).status == 201
    assert hub.get(f"{N}/entities/urn:g:1", headers=link(url + "2")).json["level"]["value"] == 3
    details = [d for d in hub.get(f"{N}/jsonldContexts?details=true").json if d["URL"] == url]
    assert details[0]["kind"] == "Cached" and details[0]["extraInfo"]["file"].endswith("smart.jsonld")
    assert hub.delete(f"{N}/jsonldContexts/{details[0]['localId']}").status == 409
    assert hub.post(f"{N}/jsonldContexts?url={url}", {"@context": {}}).status == 409


@pytest.mark.parametrize("index, file", [("[]", "{}"), ("{", "{}"), ('{"https://a.org/b": "../c.jsonld"}', "{}"),
                                         ('{"https://a.org/b": "c.jsonld"}', "{}"), ('{"https://a.org/b": "none"}', "{}")])
def test_brought_along_broken(tmp_path, index, file):
    from conftest import program
    (tmp_path / "index.json").write_text(index)
    (tmp_path / "c.jsonld").write_text(file)
    answer = program("serve", "--data", str(tmp_path / "d"), "--listen", "127.0.0.1:0", "--auth", "off",
                     "--contexts-dir", str(tmp_path))
    assert answer.returncode != 0 and str(tmp_path) in answer.stderr


# ---- made for subscriptions ----

def test_made_for_a_subscription(hub):
    receiver = Receiver()
    body = {"type": "Subscription", "entities": [{"type": "Gauge"}], "@context": [TERMS],
            "notification": {"endpoint": {"uri": receiver.url}}}
    assert hub.post(f"{N}/subscriptions", body, headers=LD).status == 201
    assert hub.post(f"{N}/subscriptions", body, headers=LD).status == 201
    made = hub.get(f"{N}/jsonldContexts?details=true&kind=ImplicitlyCreated").json
    assert len(made) == 1
    assert hub.get(made[0]["URL"]).json == {"@context": [TERMS]}
    hub.kill()
    hub.start()
    assert hub.get(made[0]["URL"]).json == {"@context": [TERMS]}
    hub.post(f"{N}/entities", gauge(**{"@context": TERMS}), headers=LD)
    assert receiver.wait(1)[0]["level"]["value"] == 3
    target = receiver.headers[0]["Link"].split(">")[0].lstrip("<")
    assert target.startswith("http://127.0.0.1") and target.endswith(made[0]["URL"])
    receiver.close()


def test_subscriptions_outlive_the_server_of_their_context(fetching, contexts):
    hub, url, receiver = fetching, contexts.url + "/c.jsonld", Receiver()
    contexts.pages["/c.jsonld"] = ({"@context": TERMS}, {"Cache-Control": "max-age=1"})
    body = {"type": "Subscription", "entities": [{"type": "Gauge"}], "notification": {"endpoint": {"uri": receiver.url}}}
    for tenant in {}, {"NGSILD-Tenant": "north"}:
        assert hub.post(f"{N}/subscriptions", body, headers={**link(url), **tenant}).status == 201
    contexts.pages["/c.jsonld"] = 500
    wait_for("expiry", lambda: hub.get(f"{N}/types", headers=link(url)) and len(contexts.asked) > 1)
    hub.kill()
    hub.start()
    for tenant in {}, {"NGSILD-Tenant": "north"}:
        assert hub.post(f"{N}/entities", gauge(**{"@context": TERMS}), headers={**LD, **tenant}).status == 201
    assert [e["level"]["value"] for e in receiver.wait(2)] == [3, 3]
    receiver.close()
