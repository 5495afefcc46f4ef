# SPDX-License-Identifier: Apache-2.0
"""Endpoints that are dead, slow or wrong, and what they may not do to others; parking and resuming."""
import socket
import time

import pytest

from conftest import free_port, wait_for
from test_subscriptions import PATH, Receiver, put, receiver, sensor, subscribe  # noqa: F401


class Hanging:
    """Takes connections and never says a word."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(1000)
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/x"

    def connections(self):
        """How many have been opened and wait."""
        self.socket.setblocking(False)
        found = []
        while True:
            try:
                found.append(self.socket.accept()[0])
            except BlockingIOError:
                return found


@pytest.fixture
def hanging():
    h = Hanging()
    yield h
    h.socket.close()


def info(identifier, hub):
    return hub.get(f"{PATH}/{identifier}").json["notification"]


def test_many_subscriptions_to_one_host_that_hangs(hub, receiver, hanging):
    for n in range(300):
        subscribe(hub, hanging.url)
    subscribe(hub, receiver.url)
    before = time.monotonic()
    for value in range(10):
        put(hub, sensor(1, level=value))
    assert [e["level"]["value"] for e in receiver.wait(10)] == list(range(10))
    assert time.monotonic() - before < 8  # sooner than one of the dead ones times out (10 s)
    open_ = hanging.connections()
    assert 1 <= len(open_) <= 2
    for c in open_:
        c.close()


def test_many_hosts_that_hang(hub, receiver):
    """Each port is a host of its own; together they hold 64 places at most."""
    dead = [Hanging() for _ in range(100)]
    for h in dead:
        subscribe(hub, h.url)
    put(hub, sensor(1, level=0))
    wait_for("the first connections", lambda: any(h.connections() for h in dead))
    subscribe(hub, receiver.url)
    put(hub, sensor(1, level=1))
    late = receiver.wait(1)
    assert late[0]["level"]["value"] == 1
    for h in dead:
        h.socket.close()


def attempts(n):
    return {"notifierInfo": [{"key": "attempts", "value": str(n)}]}


def test_parked_and_resumed(hub, receiver):
    failing = Receiver(answer=503)
    parked = subscribe(hub, failing.url, endpoint=attempts(2))
    put(hub, sensor(1, level=1))
    shown = wait_for("parking", lambda: (s := hub.get(f"{PATH}/{parked}").json)["status"] == "paused" and s)
    assert shown["isActive"] is False and shown["notification"]["timesFailed"] == 2
    assert "503" in shown["notification"]["failureReason"]
    put(hub, *[sensor(n, level=n) for n in range(2, 5)])
    failing.answer = 200
    assert hub.patch(f"{PATH}/{parked}", {"isActive": True}).status == 204
    assert sorted(e["level"]["value"] for e in failing.wait(4)) == [1, 2, 3, 4]
    assert hub.get(f"{PATH}/{parked}").json["status"] == "active"
    failing.close()


def test_parked_stays_parked_over_a_restart(hub):
    failing = Receiver(answer=500)
    parked = subscribe(hub, failing.url, endpoint=attempts(1))
    put(hub, sensor(1, level=1))
    wait_for("parking", lambda: hub.get(f"{PATH}/{parked}").json["status"] == "paused")
    hub.stop()
    hub.start()
    put(hub, sensor(2, level=2))
    shown = hub.get(f"{PATH}/{parked}").json
    assert shown["status"] == "paused" and "500" in shown["notification"]["failureReason"]
    failing.answer = 200
    hub.patch(f"{PATH}/{parked}", {"isActive": True})
    assert sorted(e["level"]["value"] for e in failing.wait(2)) == [1, 2]
    failing.close()


def test_paused_by_hand_skips_what_comes_meanwhile(hub, receiver):
    identifier = subscribe(hub, receiver.url)
    hub.patch(f"{PATH}/{identifier}", {"isActive": False})
    put(hub, sensor(1, level=1))
    hub.patch(f"{PATH}/{identifier}", {"isActive": True})
    put(hub, sensor(2, level=2))
    assert [e["level"]["value"] for e in receiver.wait(1)] == [2]


def test_cooldown(hub):
    failing = Receiver(answer=503)
    subscribe(hub, failing.url, endpoint={"cooldown": 2500})
    put(hub, sensor(1, level=1))
    wait_for("the first attempt", lambda: failing.attempts == 1)
    before = time.monotonic()
    failing.answer = 200
    put(hub, sensor(2, level=2))
    assert len(failing.wait(2)) == 2
    assert time.monotonic() - before > 2
    failing.close()


def test_timeout(hub, hanging):
    identifier = subscribe(hub, hanging.url, endpoint={"timeout": 300})
    put(hub, sensor(1, level=1))
    before = time.monotonic()
    shown = wait_for("the failure", lambda: info(identifier, hub).get("failureReason"))
    assert "ime" in shown and time.monotonic() - before < 5


@pytest.mark.parametrize("value", ["0", "-1", "x", "1001", ""])
def test_attempts_is_a_number(hub, value):
    body = {"type": "Subscription", "entities": [{"type": "Sensor"}],
            "notification": {"endpoint": {"uri": f"http://127.0.0.1:{free_port()}/", **attempts(value)}}}
    assert hub.post(PATH, body).status == 400


def test_much_at_once_loses_nothing(hub, receiver):
    """More changes than are remembered one by one: the log is read instead."""
    identifier = subscribe(hub, receiver.url)
    slow = Receiver(answer=503)
    subscribe(hub, slow.url, q="level>=1000", entities=[{"type": "Sensor"}])
    for k in range(5):
        put(hub, *[sensor(n, level=1000 * k + n) for n in range(500)])
    slow.answer = 200
    assert len(receiver.wait(2500)) == 2500
    assert sorted(e["level"]["value"] for e in slow.wait(2000)) == sorted(1000 * k + n for k in range(1, 5) for n in range(500))
    assert info(identifier, hub)["status"] == "ok"
    slow.close()
