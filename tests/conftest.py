# SPDX-License-Identifier: Apache-2.0
"""Starts the real programs for the black-box tests: the hub, mosquitto, on free ports, in temporary folders."""
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.parse

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / os.environ.get("ZHONGSHU_BUILD", "build")
PROGRAM = str(BUILD / "zhongshu")
DATA = ROOT.parent / "shared" / "data"
DEADLINE = 60


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than a few seconds")
    config.addinivalue_line("markers", "browser: drives a real Chromium")


def wait_for(what, condition, seconds=DEADLINE):
    """Calls condition until it gives something true; the only way in which a test waits."""
    until = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < until, f"waited {seconds} s for {what}"
        time.sleep(0.02)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


class Hub:
    """One running hub. Requests take a path, and a dict or list as JSON or bytes as they are."""

    def __init__(self, folder, *options, auth="off", packs=(), mqtt=None, env=None, log=None):
        self.data = pathlib.Path(folder) / "data"
        self.auth = auth
        self.packs = [str(p) for p in packs]
        self.mqtt = mqtt
        self.options = list(options)
        self.env = {**os.environ, "LANG": "C.UTF-8", **(env or {})}
        self.log_path = pathlib.Path(log or pathlib.Path(folder) / "hub.log")
        self.token = None
        self.process = None
        empty = pathlib.Path(folder) / "no-packs"
        empty.mkdir(exist_ok=True)
        self.pack_options = [o for p in (self.packs or [str(empty)]) for o in ("--packs", p)]

    def start(self, wait=True):
        command = [PROGRAM, "serve", "--data", str(self.data), "--listen", "127.0.0.1:0", "--auth", self.auth,
                   *self.pack_options, *self.options]
        if self.mqtt:
            command += ["--mqtt", f"127.0.0.1:{self.mqtt.port}"]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=self.env, cwd=ROOT)
        line = self.process.stdout.readline().decode()
        found = re.search(r"http://[^:]+:(\d+)", line)
        if not found:
            self.process.wait(10)
            raise AssertionError(f"the hub did not start: {self.log()}")
        self.port = int(found.group(1))
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    def log(self):
        return self.log_path.read_text(errors="replace")[-4000:]

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(30) == 0, self.log()
        self.close_pipe()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.close_pipe()

    def close_pipe(self):
        if self.process and self.process.stdout:
            self.process.stdout.close()

    def request(self, method, path, body=None, headers=None, token=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        sent = {"Accept-Language": "en", **(headers or {})}
        if token or self.token:
            sent["Authorization"] = f"Bearer {token or self.token}"
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        path = urllib.parse.quote(path, safe="/?&=:%,;~*+()!'[]@$\"|<>#") if not path.isascii() or " " in path else path
        connection.request(method, path, body, sent)
        answer = Answer(connection.getresponse())
        connection.close()
        return answer

    def get(self, path, **kw):
        return self.request("GET", path, **kw)

    def post(self, path, body=None, **kw):
        return self.request("POST", path, body, **kw)

    def patch(self, path, body=None, **kw):
        return self.request("PATCH", path, body, **kw)

    def put(self, path, body=None, **kw):
        return self.request("PUT", path, body, **kw)

    def delete(self, path, **kw):
        return self.request("DELETE", path, **kw)

    def sign_in(self, name, password):
        answer = self.post("/api/v1/session", {"name": name, "password": password})
        assert answer.status == 201, answer
        return answer.json["token"]

    def entity(self, identifier, **kw):
        answer = self.get("/ngsi-ld/v1/entities/" + identifier, **kw)
        return answer.json if answer.status == 200 else None


class Broker:
    """A real mosquitto."""

    def __init__(self, folder):
        self.port = free_port()
        self.folder = pathlib.Path(folder)
        self.process = None

    def start(self):
        config = self.folder / "mosquitto.conf"
        config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence true\n"
                          f"persistence_location {self.folder}/\nmax_inflight_messages 2000\n"
                          "max_queued_messages 1000000\nuser root\n")
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        with open(self.folder / "mosquitto.log", "ab") as log:
            self.process = subprocess.Popen([program, "-c", str(config)], stdout=log, stderr=log)
        wait_for("the broker", self.answers)
        return self

    def answers(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)

    def publish(self, topic, *payloads):
        """Publishes with QoS 1 and returns when the broker has them."""
        lines = "".join((p if isinstance(p, str) else json.dumps(p, ensure_ascii=False)) + "\n" for p in payloads)
        subprocess.run(["mosquitto_pub", "-p", str(self.port), "-t", topic, "-q", "1", "-l"], input=lines.encode(),
                       check=True, timeout=DEADLINE)


@pytest.fixture
def broker(tmp_path):
    folder = tmp_path / "broker"
    folder.mkdir()
    b = Broker(folder).start()
    yield b
    b.stop()


@pytest.fixture
def make_hub(tmp_path):
    """make_hub(…) starts a hub; all are stopped at the end, and none may have crashed."""
    hubs = []

    def make(*options, folder=None, **kw):
        place = pathlib.Path(folder or tmp_path / f"hub{len(hubs)}")
        place.mkdir(exist_ok=True)
        hub = Hub(place, *options, log=tmp_path / f"hub{len(hubs)}.log", **kw).start()
        hubs.append(hub)
        return hub

    yield make
    for hub in hubs:
        hub.stop()
        assert "Sanitizer" not in hub.log_path.read_text(errors="replace"), hub.log()


@pytest.fixture
def hub(make_hub):
    return make_hub()


def program(*arguments, **kw):
    """Runs a command of the program to its end."""
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=DEADLINE, cwd=ROOT,
                          env={**os.environ, "LANG": "C.UTF-8"}, **kw)


def write_password(folder, password="correct horse battery"):
    path = pathlib.Path(folder) / "password"
    path.write_text(password + "\n")
    return path
