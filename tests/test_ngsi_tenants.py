# SPDX-License-Identifier: Apache-2.0
"""Tenants: worlds of entities that know nothing of each other (4.14, 5.5.10, 6.3.14)."""
import pytest

from conftest import Hub, program, wait_for
from test_identity import PASSWORD, add_user
from test_subscriptions import Receiver

E = "/ngsi-ld/v1/entities"
ID = "urn:ngsi-ld:T:1"
A = {"NGSILD-Tenant": "north"}
B = {"NGSILD-Tenant": "south"}


def thing(value=1, identifier=ID):
    return {"id": identifier, "type": "T", "n": value}


def names(hub, query="", **kw):
    return [t["name"] for t in hub.get("/api/v1/tenants" + query, **kw).json["items"]]


def test_each_has_its_own(hub):
    for value, headers in ((1, {}), (2, A), (3, B)):
        answer = hub.post(E, thing(value), headers=headers)
        assert answer.status == 201 and answer.headers.get("NGSILD-Tenant") == headers.get("NGSILD-Tenant")
    for value, headers in ((1, {}), (2, A), (3, B)):
        answer = hub.get(f"{E}?type=T&format=simplified", headers=headers)
        assert [e["n"] for e in answer.json] == [value]
        assert answer.headers.get("NGSILD-Tenant") == headers.get("NGSILD-Tenant")
    assert hub.delete(f"{E}/{ID}", headers=A).status == 204
    assert hub.get(f"{E}/{ID}", headers=A).status == 404 and hub.entity(ID) and hub.entity(ID, headers=B)
    assert hub.get("/ngsi-ld/v1/types", headers=B).json["typeList"] == ["T"]
    assert hub.get(f"/ngsi-ld/v1/temporal/entities/{ID}?format=temporalValues", headers=B).json["n"]["values"][0][0] == 3


@pytest.mark.parametrize("method, path, body", [
    ("POST", E, thing()), ("POST", "/ngsi-ld/v1/entityOperations/create", [thing()]),
    ("POST", "/ngsi-ld/v1/entityOperations/upsert", [thing()]),
    ("POST", "/ngsi-ld/v1/temporal/entities", {"id": ID, "type": "T", "n": [{"type": "Property", "value": 1, "observedAt": "2026-01-01T00:00:00Z"}]}),
    ("POST", "/ngsi-ld/v1/subscriptions", {"type": "Subscription", "entities": [{"type": "T"}],
                                           "notification": {"endpoint": {"uri": "http://127.0.0.1:1/"}}}),
])
def test_creating_makes_the_tenant(hub, method, path, body):
    assert hub.request(method, path, body, headers=A).status == 201
    assert names(hub) == ["north"]


@pytest.mark.parametrize("method, path, body", [
    ("GET", E + "?type=T", None), ("GET", f"{E}/{ID}", None), ("PATCH", f"{E}/{ID}", {"n": 1}), ("PUT", f"{E}/{ID}", {"type": "T"}),
    ("DELETE", f"{E}/{ID}", None), ("POST", f"{E}/{ID}/attrs", {"n": 1}), ("DELETE", f"{E}/{ID}/attrs/n", None),
    ("POST", "/ngsi-ld/v1/entityOperations/update", [thing()]), ("POST", "/ngsi-ld/v1/entityOperations/delete", [ID]),
    ("POST", "/ngsi-ld/v1/entityOperations/query", {"type": "Query", "entities": [{"type": "T"}]}),
    ("GET", "/ngsi-ld/v1/types", None), ("GET", "/ngsi-ld/v1/attributes", None), ("GET", "/ngsi-ld/v1/subscriptions", None),
    ("GET", f"/ngsi-ld/v1/temporal/entities/{ID}", None), ("DELETE", "/ngsi-ld/v1/subscriptions/urn:a:b", None),
])
def test_all_else_needs_it_there(hub, method, path, body):
    answer = hub.request(method, path, body, headers={**A, "Accept-Language": "en"})
    assert answer.status == 404 and answer.json["type"].endswith("NonexistentTenant") and "north" in answer.json["detail"]
    assert answer.headers["NGSILD-Tenant"] == "north" and names(hub) == []


def test_a_refused_write_leaves_no_tenant(hub):
    assert hub.post(E, {"id": "no uri", "type": "T"}, headers=A).status == 400
    wait_for("the empty tenant to go", lambda: names(hub) == [])
    assert hub.get(f"{E}?type=T", headers=A).status == 404
    assert hub.post(E, {"id": ID}, headers=A).status == 400 and hub.post(E, thing(), headers=A).status == 201
    assert names(hub) == ["north"]


@pytest.mark.parametrize("name", ["..", "../x", "a/b", ".hidden", "a b", "-x", "x" * 65, "%2e%2e", "a;b", "a\\b", "ä"])
def test_bad_names(hub, name):
    answer = hub.post(E, thing(), headers={"NGSILD-Tenant": name})
    assert answer.status == 400 and answer.json["type"].endswith("BadRequestData"), answer
    assert names(hub) == [] and not list(hub.data.glob("tenants/*"))


def test_an_empty_header_is_the_default_tenant(hub):
    assert hub.post(E, thing(), headers={"NGSILD-Tenant": ""}).status == 201 and hub.entity(ID)


def test_contexts_are_shared(hub):
    made = hub.post("/ngsi-ld/v1/jsonldContexts", {"@context": {"n": "https://example.org/n"}}, headers=A)
    assert made.status == 201 and names(hub) == []
    link = {"Link": f'<{hub.url}{made.headers["Location"]}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'}
    assert hub.post(E, thing(), headers={**B, **link}).status == 201
    assert hub.get(f"{E}/{ID}", headers=B).json["https://example.org/n"]["value"] == 1


def test_a_restart_keeps_them_and_their_subscriptions(make_hub, tmp_path):
    receiver = Receiver()
    hub = make_hub()
    assert hub.post("/ngsi-ld/v1/subscriptions", {"type": "Subscription", "entities": [{"type": "T"}], "notification": {
        "endpoint": {"uri": receiver.url}}}, headers=A).status == 201
    assert hub.post(E, thing(2), headers=B).status == 201
    hub.stop()
    hub.start()
    assert names(hub) == ["north", "south"]
    assert [t["open"] for t in hub.get("/api/v1/tenants").json["items"]] == [True, False]  # only where something is to be done
    assert hub.entity(ID, headers=B)["n"]["value"] == 2
    assert hub.post(E, thing(5), headers=A).status == 201
    hub.post(E, thing(6, "urn:ngsi-ld:T:9"))  # the default tenant: concerns nobody
    assert receiver.wait(1)[0]["n"]["value"] == 5 and receiver.headers[0]["NGSILD-Tenant"] == "north"
    assert len(receiver.entities()) == 1
    assert hub.get("/ngsi-ld/v1/subscriptions").json == []
    receiver.close()


def test_kill_keeps_what_was_acknowledged(make_hub):
    hub = make_hub()
    for n in range(5):
        assert hub.post(E, thing(n, f"urn:ngsi-ld:T:{n}"), headers={"NGSILD-Tenant": f"t{n}"}).status == 201
    hub.kill()
    hub.start()
    assert names(hub) == [f"t{n}" for n in range(5)]
    assert all(hub.entity(f"urn:ngsi-ld:T:{n}", headers={"NGSILD-Tenant": f"t{n}"})["n"]["value"] == n for n in range(5))


def test_more_than_stay_open(hub):
    """LIMIT_OPEN_SPACES is 32: those that rest are closed and opened again when asked for."""
    for n in range(40):
        assert hub.post(E, thing(n), headers={"NGSILD-Tenant": f"t{n:02}"}).status == 201
    wait_for("some to be closed", lambda: sum(t["open"] for t in hub.get("/api/v1/tenants").json["items"]) <= 32)
    assert all(hub.entity(ID, headers={"NGSILD-Tenant": f"t{n:02}"})["n"]["value"] == n for n in range(40))
    assert "zhongshu_tenants 40" in hub.get("/metrics").text


def test_list(hub):
    for name in ("north", "south", "northwest"):
        assert hub.post(E, thing(), headers={"NGSILD-Tenant": name}).status == 201
    assert names(hub) == ["north", "northwest", "south"] and names(hub, "?q=north") == ["north", "northwest"]
    assert names(hub, "?sort=-name&limit=1&offset=1") == ["northwest"]
    assert hub.get("/api/v1/tenants?limit=1").json["total"] == 3
    assert hub.get("/api/v1/tenants?sort=colour").status == 400
    table = hub.get("/api/v1/tenants?format=csv").text
    assert table.startswith("\ufeffname,bytes,subscriptions") and "northwest," in table


def test_remove(hub):
    assert hub.post(E, thing(), headers=A).status == 201 and hub.post(E, thing(), headers=B).status == 201
    assert hub.delete("/api/v1/tenants/north").status == 204
    assert names(hub) == ["south"] and hub.get(f"{E}/{ID}", headers=A).status == 404
    assert not list(hub.data.glob("tenants/*north*")) and not list(hub.data.glob("tenants/.*"))
    again = hub.delete("/api/v1/tenants/north")
    assert again.status == 404 and again.json["type"].endswith("NonexistentTenant")
    assert hub.delete("/api/v1/tenants/..%2f..").status == 400
    assert hub.post(E, thing(7), headers=A).status == 201 and hub.entity(ID, headers=A)["n"]["value"] == 7


@pytest.mark.parametrize("language, word", [("en", "tenants"), ("zh", "权限")])
def test_permission(tmp_path, language, word):
    add_user(tmp_path, "root", "admin")
    add_user(tmp_path, "op", "operator")
    hub = Hub(tmp_path, auth="on").start()
    try:
        op, root = hub.sign_in("op", PASSWORD), hub.sign_in("root", PASSWORD)
        assert hub.post(E, thing(), token=op).status == 201
        for headers in (A, {"NGSILD-Tenant": "other"}):
            answer = hub.post(E, thing(), token=op, headers={**headers, "Accept-Language": language})
            assert answer.status == 403 and word in answer.json["detail"]
        assert hub.post(E, thing(2), token=root, headers=A).status == 201
        assert hub.get(f"{E}/{ID}", token=op, headers=A).status == 403
        assert hub.get("/api/v1/tenants", token=op).status == 403 and hub.delete("/api/v1/tenants/north", token=op).status == 403
        assert names(hub, token=root) == ["north"]
    finally:
        hub.stop()


def test_backup_restores_tenants(make_hub, tmp_path):
    hub = make_hub()
    assert hub.post(E, thing(1)).status == 201 and hub.post(E, thing(2), headers=A).status == 201
    copy, folder = tmp_path / "copy", tmp_path / "restored"
    assert program("backup", "--data", hub.data, "--to", copy).returncode == 0
    assert (copy / "tenants/north/hub.db").exists() and not (copy / "tenants/north/lock").exists()
    folder.mkdir()
    assert program("restore", "--from", copy, "--data", folder / "data").returncode == 0
    assert program("verify", "--data", folder / "data").returncode == 0
    restored = make_hub(folder=folder)
    assert restored.entity(ID)["n"]["value"] == 1 and restored.entity(ID, headers=A)["n"]["value"] == 2
    restored.stop()
    with open(copy / "tenants/north/hub.db", "r+b") as f:
        f.write(b"nonsense" * 100)
    out = program("restore", "--from", copy, "--data", tmp_path / "again")
    assert out.returncode == 1 and "north" in out.stderr and not (tmp_path / "again").exists()
    with open(folder / "data/tenants/north/hub.db", "r+b") as f:
        f.write(b"nonsense" * 100)
    out = program("verify", "--data", folder / "data")
    assert out.returncode == 1 and "north" in out.stderr
