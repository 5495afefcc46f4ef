# SPDX-License-Identifier: Apache-2.0
"""Every route there is, asked by nobody, by a viewer, and with a cookie alone: made from the program's own list, so that a new
route cannot escape."""
import re

import pytest

from conftest import ROOT, Hub, program
from test_identity import PASSWORD, add_user, sign_in

READS_BY_POST = {"/ngsi-ld/v1/entityOperations/query", "/ngsi-ld/v1/temporal/entityOperations/query",
                 "/ngsi-ld/v1/entityMaps", "/ngsi-ld/v1/entityMaps/{id}"}  # how a query is spread, kept in memory for its pages
OWN_AFFAIRS = {"/api/v1/users/{name}/password"}  # the handler lets one change one's own


def routes():
    lines = [re.match(r"(\S+) +(\S+) +(\(public\)|\(signed in\)|\S+)  ", line) for line in program("routes").stdout.splitlines()]
    assert lines and all(lines)
    return [match.groups() for match in lines]


ROUTES = routes()
CLOSED = [r for r in ROUTES if r[2] != "(public)"]
RESTRICTED = [r for r in ROUTES if r[2] not in ("(public)", "(signed in)")]


def filled(path):
    return re.sub(r"\{[^}]*\}", "urn:ngsi-ld:T:1", path)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guarded")
    add_user(folder, "root", "admin")
    add_user(folder, "guest", "viewer")
    hub = Hub(folder, auth="on", packs=[ROOT / "packs/city"]).start()
    hub.viewer = hub.sign_in("guest", PASSWORD)
    hub.cookie = sign_in(hub, "root", PASSWORD).headers["Set-Cookie"].split(";")[0]
    yield hub
    hub.stop()
    log = hub.log_path.read_text()
    assert "Sanitizer" not in log and PASSWORD not in log
    assert hub.viewer not in log and hub.cookie.split("=")[1] not in log


def test_only_these_are_public():
    assert sorted({(m, p) for m, p, permission in ROUTES if permission == "(public)"}) == [
        ("DELETE", "/api/v1/session"), ("GET", "/api/v1/openapi.json"), ("GET", "/healthz"), ("GET", "/log/checkpoint"),
        ("GET", "/log/key"), ("GET", "/log/tile/{rest*}"), ("GET", "/ngsi-ld/v1/jsonldContexts/{id}"),
        ("POST", "/api/v1/session")]


def test_writes_need_a_named_permission():
    open_writes = {p for m, p, permission in CLOSED if m != "GET" and permission == "(signed in)"}
    assert open_writes <= READS_BY_POST | OWN_AFFAIRS


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer " + "x" * 54}, {"Authorization": "Basic cm9vdDpyb290"},
                                     {"Authorization": "Bearer " + "é" * 3000}, {"Cookie": "zhongshu=" + "x" * 54, "X-Requested-With": "zhongshu"},
                                     {"Cookie": "zhongshu=; zhongshu=%00; =;;;" + "a" * 3000, "X-Requested-With": "zhongshu"}])
def test_nobody_gets_anything(guarded, headers):
    headers = {name: value.encode("latin-1") for name, value in headers.items()}
    for method, path, _ in CLOSED:
        answer = guarded.request(method, filled(path), {} if method != "GET" else None, headers=headers)
        assert answer.status == 401, (method, path, answer)
        assert answer.headers["WWW-Authenticate"] and answer.json["title"]


def test_a_viewer_changes_nothing(guarded):
    for method, path, permission in RESTRICTED:
        answer = guarded.request(method, filled(path), {} if method != "GET" else None, token=guarded.viewer)
        assert answer.status == 403 and permission in answer.json["detail"], (method, path, answer)
    assert guarded.post("/api/v1/users/root/password", {"password": PASSWORD}, token=guarded.viewer).status == 403


def test_a_cookie_alone_writes_nothing(guarded):
    for method, path, _ in CLOSED:
        if method != "GET":
            answer = guarded.request(method, filled(path), {}, headers={"Cookie": guarded.cookie})
            assert answer.status == 403 and "X-Requested-With" in answer.json["detail"], (method, path, answer)
    assert guarded.get("/ngsi-ld/v1/entities?type=T", headers={"Cookie": guarded.cookie}).json == []


def test_a_method_that_a_path_has_not(guarded):
    methods = {path: {m for m, p, _ in ROUTES if p == path} for _, path, _ in ROUTES}
    for path, there in methods.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "BREW"} - there:
            answer = guarded.request(method, filled(path), headers={"X-HTTP-Method-Override": next(iter(there))},
                                     token=guarded.viewer)
            assert answer.status in (401, 405) and (answer.status == 401 or there <= set(answer.headers["Allow"].split(", "))), \
                (method, path, answer)
