# SPDX-License-Identifier: Apache-2.0
"""What a hostile or broken HTTP client sends, by raw socket: refused or cut off, nothing changed, and the hub goes on."""
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import ROOT, Hub, wait_for
from test_identity import PASSWORD

E = "/ngsi-ld/v1/entities"
KEPT = {"id": "urn:ngsi-ld:Kept:1", "type": "Kept", "n": {"type": "Property", "value": 1}}
DELETE = b"DELETE /ngsi-ld/v1/entities/urn:ngsi-ld:Kept:1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
QUERY = b"POST /ngsi-ld/v1/entityOperations/query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    hub = Hub(tmp_path_factory.mktemp("shared"), packs=[ROOT / "packs/city"]).start()
    assert hub.post(E, KEPT).status == 201
    yield hub
    hub.stop()
    assert "Sanitizer" not in hub.log_path.read_text()


@pytest.fixture
def target(shared):
    """The shared hub; after the test it must answer and hold what it held."""
    yield shared
    assert shared.process.poll() is None and shared.get("/healthz").status == 200
    assert shared.entity(KEPT["id"]) == KEPT


def connect(hub):
    s = socket.create_connection(("127.0.0.1", hub.port), timeout=10)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def talk(hub, *parts):
    """Sends the parts and reads until the hub ends the connection: the status of each answer, and all of it."""
    got = b""
    with connect(hub) as s:
        try:
            for part in parts:
                s.sendall(part)
            while data := s.recv(65536):
                got += data
        except (ConnectionResetError, BrokenPipeError):
            pass
    return [int(piece[:3]) for piece in got.split(b"HTTP/1.1 ")[1:] if piece[:3].isdigit()], got


def get(path=b"/healthz", *headers, version=b"HTTP/1.1"):
    return b"GET " + path + b" " + version + b"\r\n" + b"".join(h + b"\r\n" for h in (b"Host: localhost", b"Connection: close", *headers)) + b"\r\n"


MALFORMED = {
    "bytes": bytes(range(256)) * 40, "no version": b"GET /healthz\r\n\r\n", "other version": get(version=b"HTTP/9.9"),
    "other protocol": get(version=b"MQTT/3.1"), "no host": b"GET /healthz HTTP/1.1\r\n\r\n", 
    "long line": b"GET /" + b"a" * 200000 + b" HTTP/1.1\r\n\r\n",
    "long query": get(b"/healthz?" + b"a=1&" * 50000), "long header": get(b"/healthz", b"X-A: " + b"a" * 200000),
    "many headers": get(b"/healthz", *[b"X-%d: 1" % n for n in range(20000)]), "NUL in a header": get(b"/heal", b"X-A: a\0b"),
    "NUL in the path": get(b"/heal\0thz"), "no colon": get(b"/healthz", b"nonsense"), "space before the colon": get(b"/healthz", b"X-A : b"),
    "long method": b"A" * 100000 + b" / HTTP/1.1\r\nHost: localhost\r\n\r\n", "length that is none": QUERY + b"Content-Length: abc\r\n\r\n{}",
    "negative length": QUERY + b"Content-Length: -5\r\n\r\n{}", "length with a sign": QUERY + b"Content-Length: +2\r\n\r\n{}",
    "huge length": QUERY + b"Content-Length: 99999999999999999999999\r\n\r\n{}",
    "chunk that is none": QUERY + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "huge chunk": QUERY + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "negative chunk": QUERY + b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
    "other coding": QUERY + b"Transfer-Encoding: gzip\r\n\r\n\x1f\x8b", "expects": QUERY + b"Connection: close\r\nContent-Length: 2\r\nExpect: a-miracle\r\n\r\n{}",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_requests(target, name):
    statuses, got = talk(target, MALFORMED[name])
    assert set(statuses) <= {400, 404, 413, 414, 417, 431, 501, 505}, got
    assert len(set(statuses)) <= 1, got


@pytest.mark.parametrize("part", [b"", b"\r\n" * 100, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 30, b"GET\r\n\r\n", b"GET /heal", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nAccept:", QUERY + b"Content-Length: 50\r\n\r\n{",
                                  QUERY + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"])
def test_requests_that_break_off(target, part):
    for _ in range(20):
        with connect(target) as s:
            s.sendall(part)


LENGTHS = {
    "two lengths": (b"Content-Length: 2\r\nContent-Length: 80\r\n\r\n{}", ),
    "two lengths, the other way": (b"Content-Length: 80\r\nContent-Length: 2\r\n\r\n{}", ),
    "length and chunks": (b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ),
    "chunks and length": (b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", ),
    "two codings": (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", ),
    "odd coding": (b"Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n\r\n{}", ),
    "folded": (b"Transfer-Encoding:\r\n chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", ),
    "folded length": (b"Content-Length:\r\n\t80\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ),
    "space before the colon": (b"Transfer-Encoding : chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", ),
}


@pytest.mark.parametrize("name", LENGTHS)
def test_a_request_hidden_in_another(target, name):
    """Where a body ends is said twice: whoever stands before us may have read it the other way."""
    statuses, got = talk(target, QUERY + LENGTHS[name][0] + DELETE)
    assert statuses == [400] and b"Connection: close" in got


def test_several_requests_in_one_piece(target):
    piece = get().replace(b"Connection: close\r\n", b"")
    assert talk(target, piece * 4 + get())[0] == [200] * 5


def create(number, length=None, size=10):
    body = json.dumps({"id": f"urn:ngsi-ld:Slow:{number}", "type": "Slow", "n": "x" * size}).encode()
    head = f"POST {E} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length or len(body)}\r\n\r\n"
    return head.encode(), body


def test_a_body_that_breaks_off_changes_nothing(target):
    head, body = create(1, length=5000)
    with connect(target) as s:
        s.sendall(head + body)
    assert target.entity("urn:ngsi-ld:Slow:1") is None


def test_slow_bodies_hold_nobody_up(target):
    slow = []
    for n in range(50):
        s = connect(target)
        head, body = create(n + 100)
        s.sendall(head + body[:20])
        slow.append((s, body))
    assert target.get("/healthz").status == 200 and target.post(E, {"id": "urn:ngsi-ld:Slow:9", "type": "Slow"}).status == 201
    for s, body in slow:
        for n in range(20, len(body)):
            s.sendall(body[n:n + 1])
        assert s.recv(100).startswith(b"HTTP/1.1 201")
        s.close()


def test_bodies_that_are_too_large(target):
    head, _ = create(2, length=(16 << 20) + 1)
    with connect(target) as s:
        s.sendall(head.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
        assert s.recv(1000).startswith(b"HTTP/1.1 413")
    answer = target.post(E, b"x" * ((16 << 20) + 1), headers={"Content-Type": "application/json"})
    assert answer.status == 413 and "16 MiB" in answer.json["detail"]
    chunks = (b"100000\r\n" + b"y" * (1 << 20) + b"\r\n") * 17 + b"0\r\n\r\n"
    assert talk(target, QUERY + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n", chunks)[0] == [413]
    assert target.post("/api/v1/attachments", b"\x89PNG\r\n\x1a\n" + b"\0" * (20 << 20)).status == 413


@pytest.mark.parametrize("path", [b"/api/v1/cases/\xff", b"/api/v1/cases/%ff", b"/api/v1/cases?q=%c3%28", b"/api/v1/cases?q=\xc3\x28",
                                  b"/ngsi-ld/v1/entities/%00", b"/api/v1/cases?q=%00", b"/api/v1/cases/%zz", b"/%ed%a0%80",
                                  b"/ngsi-ld/v1/entities?type=T&q=%f5"])
def test_text_that_is_no_text(target, path):
    statuses, got = talk(target, get(path))
    assert statuses == [400] and b'"detail":' in got
    assert b"problem+json" in got or (path.startswith(b"/ngsi-ld") and b"Content-Type: application/json" in got)


@pytest.mark.parametrize("header", [b"Accept: \xff\xfe", b"Accept-Language: \xff", b"Accept: " + b"a/b;q=9e999," * 500, b"Range: bytes=-99999999999999999999",
                                    b"Accept-Language: " + b"zh;q=" * 900, b"Cookie: \xff=\xff; zhongshu=\xff", b"Link: <\xff>; rel=\"", b"Link: " + b"<" * 4000,
                                    b"Authorization: Bearer \xff", b"Last-Event-ID: \xff", b"X-Forwarded-For: \xff,,,,", b"If-None-Match: \""])
def test_headers_that_are_no_text(target, header):
    for path in (b"/ngsi-ld/v1/entities?type=T", b"/api/v1/session", b"/"):
        assert talk(target, get(path, header))[0][0] in (200, 206, 400, 404, 406, 416)


@pytest.mark.parametrize("path", ["/../../etc/passwd", "/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2f..%2fetc%2fpasswd", "/assets/../../src/base/limits.h",
                                  "/assets/..%2f..%2fpackage.json", "/..\\..\\package.json", "/..%5c..%5cpackage.json", "//etc/passwd", "/./package.json",
                                  "/..;/package.json", "/%252e%252e/package.json", "/assets", "/assets/", "/.gz", "/index.html%00.png",
                                  "/api/v1/attachments/..%2fhub.db", "/api/v1/attachments/%2fetc%2fpasswd", "/log/tile/../../hub.db",
                                  "/log/tile/%2e%2e/%2e%2e/hub.db", "/log/tile/entries/..%2f..%2fhub.db"])
def test_paths_that_climb(target, path):
    for accept in ("*/*", "text/html"):
        answer = target.get(path, headers={"Accept": accept})
        assert answer.status in (400, 404) or answer.body.startswith(b"<!doctype html>"), answer
        assert b"root:" not in answer.body and b"SQLite" not in answer.body and b'"dependencies"' not in answer.body


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "", "application/json" * 200, "\x7f"])
@pytest.mark.parametrize("path", [E, "/ngsi-ld/v1/subscriptions", "/ngsi-ld/v1/entityOperations/upsert"])
def test_content_types(target, path, kind):
    answer = target.request("POST", path, b'{"id": "urn:ngsi-ld:Kind:1", "type": "Kind"}', headers={"Content-Type": kind})
    assert answer.status in (400, 415) and answer.json["title"]
    assert target.entity("urn:ngsi-ld:Kind:1") is None


def at_once(count, call):
    barrier = threading.Barrier(count)

    def one(n):
        barrier.wait()
        return call(n)
    with ThreadPoolExecutor(count) as pool:
        return sorted(pool.map(one, range(count)))


def test_of_many_who_create_the_same_one_succeeds(target):
    for round_number in range(5):
        entity = {"id": f"urn:ngsi-ld:Same:{round_number}", "type": "Same"}
        assert at_once(24, lambda n: target.post(E, {**entity, "n": n}).status) == [201] + [409] * 23
    user = {"name": "same", "password": PASSWORD, "roles": ["viewer"]}
    assert at_once(6, lambda n: target.post("/api/v1/users", user).status) == [201] + [409] * 5
    batch = at_once(12, lambda n: target.post("/ngsi-ld/v1/entityOperations/create", [{"id": "urn:ngsi-ld:Same:b", "type": "Same", "n": n}]).status)
    assert batch == [201] + [409] * 11 or batch.count(201) == 1 and set(batch) <= {201, 207, 400, 409}
    case = {"workflow": "city-management", "title": "t", "category": "06010", "scope": "/渝中区"}
    numbers = at_once(12, lambda n: target.post("/api/v1/cases", case).json["number"])
    assert len(set(numbers)) == 12


def test_streams_have_a_limit_and_their_places_come_back(make_hub):
    hub = make_hub()
    sockets = [connect(hub) for _ in range(2050)]
    for s in sockets:
        s.sendall(get(b"/api/v1/stream"))
    answers = [s.recv(4000) for s in sockets]
    assert sum(a.startswith(b"HTTP/1.1 200") for a in answers) == 2000
    assert sum(a.startswith(b"HTTP/1.1 503") and b"Retry-After" in a for a in answers) == 50
    assert hub.post(E, KEPT).status == 201
    for s in sockets:
        s.close()

    def again():
        with connect(hub) as s:
            s.sendall(get(b"/api/v1/stream"))
            return s.recv(4000).startswith(b"HTTP/1.1 200")
    wait_for("a place", again)
