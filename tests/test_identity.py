# SPDX-License-Identifier: Apache-2.0
"""Accounts, sessions and permissions, as a client meets them."""
import pytest

from conftest import ROOT, program, write_password

PASSWORD = "correct horse battery"


def add_user(folder, name, *roles, area="", organisation=""):
    options = [o for role in roles for o in ("--role", role)]
    out = program("user", "add", name, "--data", folder / "data", "--area", area, "--organisation", organisation,
                  "--display-name", f"{name} 同志", "--password-file", write_password(folder, PASSWORD), *options)
    assert out.returncode == 0, out.stderr


@pytest.fixture
def secured(make_hub, tmp_path):
    """A hub with authentication, an administrator and a dispatcher."""
    folder = tmp_path / "secured"
    folder.mkdir()
    add_user(folder, "root", "admin")
    add_user(folder, "pai", "dispatcher")
    hub = make_hub(folder=folder, auth="on", packs=[ROOT / "packs/city"])
    hub.admin = hub.sign_in("root", PASSWORD)
    return hub


def sign_in(hub, name, password, **kw):
    return hub.post("/api/v1/session", {"name": name, "password": password}, **kw)


def test_without_authentication_one_is_the_administrator(hub):
    user = hub.get("/api/v1/session").json["user"]
    assert user["roles"] == ["admin"] and "users.write" in user["permissions"]


def test_without_authentication_only_this_machines_names_are_answered(hub):
    for name, status in (("127.0.0.1", 200), ("localhost:1", 200), ("[::1]:8080", 200), ("127.0.0.2", 200),
                         ("evil.example", 403), ("127.evil.example", 403), ("7", 403),
                         ("localhost.evil.example", 403)):
        assert hub.get("/api/v1/session", headers={"Host": name}).status == status, name


def test_sign_in_gives_token_and_cookie(secured):
    answer = sign_in(secured, "pai", PASSWORD)
    assert answer.status == 201
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("zhongshu=") and "HttpOnly" in cookie and "SameSite=Strict" in cookie
    assert answer.json["user"]["displayName"] == "pai 同志"
    assert answer.json["user"]["permissions"] == ["cases.act", "cases.open"]
    assert secured.get("/api/v1/session", token=answer.json["token"]).json["user"]["name"] == "pai"


def test_nobody_is_let_in_without_a_session(secured):
    for path in ["/api/v1/session", "/api/v1/cases", "/ngsi-ld/v1/entities?type=Case", "/api/v1/users"]:
        assert secured.get(path).status == 401, path
        assert secured.get(path, token="x" * 54).status == 401, path
        assert secured.get(path, token="!").status == 401, path


def test_cookie_writes_need_the_header(secured):
    cookie = sign_in(secured, "root", PASSWORD).headers["Set-Cookie"].split(";")[0]
    case = {"title": "Rubbish", "workflow": "city-management"}
    bare = secured.post("/api/v1/cases", case, headers={"Cookie": cookie})
    assert bare.status == 403 and "X-Requested-With" in bare.json["detail"]
    full = secured.post("/api/v1/cases", case, headers={"Cookie": "a=b; " + cookie, "X-Requested-With": "zhongshu"})
    assert full.status == 201
    assert secured.get("/api/v1/cases", headers={"Cookie": cookie}).status == 200


def test_writes_from_another_site_are_refused(secured):
    for token in (secured.admin, None):
        answer = secured.post("/api/v1/session", {"name": "pai", "password": PASSWORD}, token=token,
                              headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status == 403


def test_unknown_name_and_wrong_password_look_alike(secured):
    wrong = sign_in(secured, "pai", "wrong password").json
    unknown = sign_in(secured, "nobody", "wrong password").json
    odd = sign_in(secured, "a'; DROP TABLE kv; --<b>", "x").json
    assert wrong == unknown == odd and wrong["status"] == 401


def test_guessing_is_slowed_down(secured):
    for _ in range(5):
        assert sign_in(secured, "pai", "guess").status == 401
    blocked = sign_in(secured, "pai", PASSWORD)
    assert blocked.status == 429 and 0 < int(blocked.headers["Retry-After"]) <= 31
    assert sign_in(secured, "root", PASSWORD).status == 201


def test_session_survives_a_restart_and_ends_with_sign_out(secured):
    token = secured.sign_in("pai", PASSWORD)
    secured.kill()
    secured.start()
    assert secured.get("/api/v1/session", token=token).status == 200
    assert secured.delete("/api/v1/session", token=token).status == 204
    assert secured.get("/api/v1/session", token=token).status == 401


def test_accounts_are_made_changed_and_removed(secured):
    def call(method, path, body=None):
        return secured.request(method, "/api/v1/users" + path, body, token=secured.admin)

    new = {"name": "zhang", "displayName": "张敏", "password": PASSWORD, "roles": ["handler"], "area": "/渝中区/大坪街道"}
    made = call("POST", "", new)
    assert made.status == 201 and "hash" not in made.text and PASSWORD not in made.text
    assert call("POST", "", new).status == 409
    token = secured.sign_in("zhang", PASSWORD)
    assert call("PATCH", "/zhang", {"roles": ["inspector"]}).json["roles"] == ["inspector"]
    assert secured.get("/api/v1/session", token=token).json["user"]["roles"] == ["inspector"]
    listed = call("GET", "?q=zhang").json
    assert listed["total"] == 1 and "hash" not in listed["items"][0]
    assert call("PATCH", "/zhang", {"disabled": True}).status == 200
    assert secured.get("/api/v1/session", token=token).status == 401
    assert sign_in(secured, "zhang", PASSWORD).status == 401
    assert call("DELETE", "/zhang").status == 204
    assert call("DELETE", "/zhang").status == 404


@pytest.mark.parametrize("change, status", [
    ({"name": "a b"}, 400), ({"name": ""}, 400), ({"password": "short"}, 400), ({"password": "zhangsan", "name": "zhangsan"}, 400),
    ({"roles": ["king"]}, 400), ({"roles": "admin"}, 400), ({"area": "大坪"}, 400), ({"displayName": "x" * 300}, 400),
    ({"colour": "red"}, 400), ({"displayName": "<script>alert(1)</script>'; --"}, 201),
])
def test_what_an_account_may_hold(secured, change, status):
    body = {"name": "new", "password": PASSWORD, **change}
    assert secured.post("/api/v1/users", body, token=secured.admin).status == status


def test_only_those_permitted_manage_accounts(secured):
    token = secured.sign_in("pai", PASSWORD)
    answer = secured.get("/api/v1/users", token=token)
    assert answer.status == 403 and "users.write" in answer.json["detail"]
    assert secured.post("/api/v1/users", {"name": "x", "password": PASSWORD}, token=token).status == 403
    assert secured.post("/api/v1/users/root/password", {"password": PASSWORD}, token=token).status == 403


def test_own_password_needs_the_one_in_force_and_ends_other_sessions(secured):
    here, there = secured.sign_in("pai", PASSWORD), secured.sign_in("pai", PASSWORD)
    path = "/api/v1/users/pai/password"
    assert secured.post(path, {"password": "another good one"}, token=here).status == 403
    assert secured.post(path, {"password": "another good one", "current": PASSWORD}, token=here).status == 204
    assert secured.get("/api/v1/session", token=here).status == 200
    assert secured.get("/api/v1/session", token=there).status == 401
    secured.sign_in("pai", "another good one")


def test_the_last_administrator_stays(secured):
    def call(method, path, body=None):
        return secured.request(method, "/api/v1/users/root" + path, body, token=secured.admin)

    assert call("DELETE", "").status == 409
    assert call("PATCH", "", {"roles": ["viewer"]}).status == 409
    assert call("PATCH", "", {"disabled": True}).status == 409


def test_roles_come_from_the_packs(secured):
    roles = {r["name"]: r for r in secured.get("/api/v1/roles", token=secured.admin).json["items"]}
    assert roles["dispatcher"]["title"] == {"zh": "派遣员", "en": "Dispatcher"}
    assert roles["admin"]["builtIn"] and not roles["dispatcher"]["builtIn"]


def test_sign_ins_and_refusals_are_logged_without_secrets(secured):
    token = secured.sign_in("pai", PASSWORD)
    sign_in(secured, "evil\nname", "a wrong password")
    secured.get("/api/v1/users", token=token)
    log = secured.log_path.read_text()
    assert "pai signed in" in log and 'sign-in of "evil\\nname"' in log and "refused GET /api/v1/users to pai" in log
    assert PASSWORD not in log and token not in log and "a wrong password" not in log
