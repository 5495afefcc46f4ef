# SPDX-License-Identifier: Apache-2.0
"""Killed at random moments while everything happens at once: what was acknowledged is there, nothing is half there, and the
readers of the log go on where they were. KILLS=200 makes it a long run."""
import http.client
import http.server
import json
import os
import random
import threading
import time

from conftest import wait_for

KILLS = int(os.environ.get("KILLS", "60"))
BATCH = 5


class Receiver:
    """Takes notifications and remembers the highest value of each entity, and every value seen."""

    def __init__(self):
        seen = self.seen = {}

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                for e in body["data"]:
                    seen.setdefault(e["id"], set()).add(e["n"]["value"])
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *unused):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/n"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Writer(threading.Thread):
    """Writes ever higher numbers into its own entities; knows what was acknowledged."""

    def __init__(self, hub, number, rng):
        super().__init__(daemon=True)
        self.hub, self.number, self.rng = hub, number, rng
        self.acknowledged = self.tried = 0
        self.created, self.deleted, self.open_create, self.open_delete = set(), set(), None, None
        self.stopping = False
        self.idle = threading.Event()

    def ids(self):
        return [f"urn:ngsi-ld:Batch:{self.number}-{k}" for k in range(BATCH)]

    def send(self, connection, method, path, body=None):
        connection.request(method, path, json.dumps(body) if body is not None else None,
                           {"Content-Type": "application/json"} if body is not None else {})
        answer = connection.getresponse()
        answer.read()
        return answer.status

    def batch(self, connection):
        self.tried = n = self.acknowledged + 1
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(1790000000 + n)) + "Z"
        status = self.send(connection, "POST", "/ngsi-ld/v1/entityOperations/upsert?options=update", [
            {"id": i, "type": "Batch", "n": {"type": "Property", "value": n, "observedAt": stamp}} for i in self.ids()])
        assert status in (201, 204, 503), status
        if status != 503:
            self.acknowledged = n

    def create(self, connection):
        self.open_create = f"urn:ngsi-ld:One:{self.number}-{len(self.created)}-{self.rng.random()}"
        if self.send(connection, "POST", "/ngsi-ld/v1/entities", {"id": self.open_create, "type": "One", "n": 1}) == 201:
            self.created.add(self.open_create)
            self.open_create = None

    def delete(self, connection):
        alive = sorted(self.created - self.deleted)
        if not alive:
            return self.create(connection)
        self.open_delete = self.rng.choice(alive)
        if self.send(connection, "DELETE", "/ngsi-ld/v1/entities/" + self.open_delete) == 204:
            self.deleted.add(self.open_delete)
            self.open_delete = None

    def run(self):
        """Until the connection breaks: each round of a hub has one run of this loop."""
        connection = None
        while not self.stopping:
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.hub.port, timeout=30)
                self.rng.choice([self.batch, self.batch, self.create, self.delete])(connection)
            except (OSError, http.client.HTTPException):
                return


def check(hub, writers):
    """All acknowledged is there; a batch is there wholly or not at all; what was under way may be either."""
    every = {}
    for kind in ("Batch", "One"):
        offset = 0
        while True:
            page = hub.get(f"/ngsi-ld/v1/entities?type={kind}&limit=1000&offset={offset}&format=simplified").json
            every.update({e["id"]: e["n"] for e in page})
            offset += len(page)
            if len(page) < 1000:
                break
    for w in writers:
        values = {every.get(i, 0) for i in w.ids()}
        assert len(values) == 1, (w.number, values)
        value = values.pop()
        assert w.acknowledged <= value <= w.tried, (w.number, value, w.acknowledged, w.tried)
        w.acknowledged = w.tried = value
        alive = w.created - w.deleted - {w.open_delete}
        assert all(i in every for i in alive)
        assert not any(i in every for i in w.deleted)
        if w.open_create in every:
            w.created.add(w.open_create)
        if w.open_delete and w.open_delete not in every:
            w.deleted.add(w.open_delete)
        w.open_create = w.open_delete = None
    ours = set().union(*(w.created for w in writers))
    assert all(i in ours for i in every if ":One:" in i)


def test_kill_9_at_random_moments_under_mixed_load(make_hub):
    rng = random.Random(os.environ.get("SEED", "7"))
    receiver = Receiver()
    hub = make_hub("--fsync-delay", "300")
    subscription = {"type": "Subscription", "entities": [{"type": "Batch"}],
                    "notification": {"endpoint": {"uri": receiver.url, "accept": "application/json"}}}
    assert hub.post("/ngsi-ld/v1/subscriptions", subscription).status == 201
    writers = [Writer(hub, n, random.Random(n)) for n in range(4)]
    for _ in range(KILLS):
        for w in writers:
            threading.Thread.__init__(w, daemon=True)
            w.start()
        time.sleep(rng.choice([0, 0.02, 0.1, 0.3]) * rng.random())  # the random moment itself
        hub.kill()
        for w in writers:
            w.join(40)
            assert not w.is_alive()
        hub.start()
        check(hub, writers)
    for w in writers:
        assert w.acknowledged > 0

    def notified():
        return all(receiver.seen.get(i, set()) >= set(range(1, w.acknowledged + 1)) for w in writers for i in w.ids())

    wait_for("every acknowledged number to be notified", notified, 120)
    for w in writers:
        for i in w.ids():
            answer = hub.get(f"/ngsi-ld/v1/temporal/entities/{i}?timerel=after&timeAt=2020-01-01T00:00:00Z"
                             "&format=temporalValues&attrs=n").json
            assert [v for v, _ in answer["n"]["values"]] == list(range(1, w.acknowledged + 1))
    assert all(max(v) <= w.acknowledged for w in writers for i in w.ids() for v in [receiver.seen[i]])
