# SPDX-License-Identifier: Apache-2.0
"""Too much at once: what does not fit is refused at once with the time to try again, and all else goes on."""
import concurrent.futures
import socket
import time

from conftest import wait_for

E = "/ngsi-ld/v1/entities"


def connect(hub):
    s = socket.create_connection(("127.0.0.1", hub.port), timeout=30)
    return s


def head(method, path, length=None):
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode()


def metric(hub, name):
    return next(float(line.split()[1]) for line in hub.get("/metrics").text.splitlines() if line.startswith(name + " "))


def test_more_writes_than_the_queue_holds_are_refused_and_the_others_are_kept(make_hub):
    hub = make_hub("--write-queue", "8", "--fsync-delay", "200000")

    def create(n):
        return n, hub.post(E, {"id": f"urn:ngsi-ld:T:{n}", "type": "T", "n": n})

    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        answers = dict(pool.map(create, range(64)))
    taken = sorted(n for n, a in answers.items() if a.status == 201)
    refused = [a for a in answers.values() if a.status != 201]
    assert len(taken) >= 9 and len(refused) >= 10
    assert all(a.status == 429 and a.headers["Retry-After"] == "1" for a in refused)
    assert "waiting" in refused[0].json["detail"]
    found = hub.get(E + "?type=T&limit=100&format=simplified").json
    assert sorted(e["n"] for e in found) == taken
    assert hub.post(E, {"id": "urn:ngsi-ld:T:later", "type": "T"}).status == 201


def test_bodies_of_all_clients_together_are_bounded(make_hub):
    hub = make_hub("--request-memory", "20")
    size = 12 << 20
    first, second = connect(hub), connect(hub)
    first.sendall(head("POST", E, size) + b" " * (size - 2))
    wait_for("the first body", lambda: metric(hub, "zhongshu_http_held_bytes") >= size)
    second.sendall(head("POST", E, size) + b" " * size)
    answer = second.recv(4000)
    assert answer.startswith(b"HTTP/1.1 429") and b"Retry-After: 1" in answer
    first.sendall(b"{}")
    assert first.recv(4000).startswith(b"HTTP/1.1 400")
    wait_for("the memory to be free", lambda: metric(hub, "zhongshu_http_held_bytes") == 0)
    third = connect(hub)
    third.sendall(head("POST", E, size) + b" " * (size - 2) + b"{}")
    assert third.recv(4000).startswith(b"HTTP/1.1 400")
    for s in (first, second, third):
        s.close()


def fill(hub, entities):
    for n in range(entities):
        assert hub.post(E, {"id": f"urn:ngsi-ld:Large:{n}", "type": "Large", "text": "x" * 500000}).status == 201


def slow_reader(hub, path):
    """A client that asks and takes nothing of the reply."""
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.settimeout(60)
    slow.connect(("127.0.0.1", hub.port))
    slow.sendall(head("GET", path))
    return slow


def test_a_client_that_does_not_take_its_reply_is_cut_off(make_hub):
    hub = make_hub("--reply-seconds", "1")
    fill(hub, 10)
    slow = slow_reader(hub, E + "?type=Large")
    wait_for("the reply to be on its way", lambda: metric(hub, "zhongshu_http_held_bytes") > 5000000)
    assert metric(hub, "zhongshu_http_cut_off_total") == 0
    assert len(hub.get(E + "?type=Large").json) == 10
    wait_for("the cut", lambda: metric(hub, "zhongshu_http_cut_off_total") == 1)
    wait_for("its memory to be free", lambda: metric(hub, "zhongshu_http_held_bytes") == 0)
    slow.close()


def test_replies_of_all_clients_together_are_bounded(make_hub):
    hub = make_hub("--request-memory", "20")
    fill(hub, 30)
    slow = slow_reader(hub, E + "?type=Large&limit=30")
    wait_for("the reply to be on its way", lambda: metric(hub, "zhongshu_http_held_bytes") > 10 << 20)
    refused = hub.get(E + "?type=Large&limit=30")
    assert refused.status == 429 and refused.headers["Retry-After"] and "ask for less" in refused.json["detail"]
    assert hub.get(E + "?type=Large&limit=1").status == 200
    slow.close()
    wait_for("room again", lambda: hub.get(E + "?type=Large&limit=30").status == 200)


def test_stopping_answers_what_is_under_way(make_hub):
    hub = make_hub("--fsync-delay", "300000")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(hub.post, E, {"id": f"urn:ngsi-ld:T:{n}", "type": "T"}) for n in range(8)]
        wait_for("a write under way", lambda: metric(hub, "zhongshu_http_active_requests") >= 2)
        start = time.monotonic()
        hub.stop()
        assert time.monotonic() - start < 10
        done = []
        for n, answer in enumerate(answers):
            try:
                done += [n] if answer.result().status == 201 else []
            except OSError:
                pass
    assert done
    hub.start()
    assert all(hub.entity(f"urn:ngsi-ld:T:{n}") for n in done)
