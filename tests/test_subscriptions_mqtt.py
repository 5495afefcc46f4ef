# SPDX-License-Identifier: Apache-2.0
"""Notifications by MQTT (clause 7.2): versions, qualities of service, TLS, a broker that goes away."""
import json
import shutil
import subprocess

import pytest

from conftest import Broker, free_port, wait_for
from test_subscriptions import PATH, put, sensor, subscribe


class Listener:
    """A mosquitto_sub that has subscribed."""

    def __init__(self, port, topic, *options):
        self.process = subprocess.Popen(["stdbuf", "-oL", "mosquitto_sub", "-p", str(port), "-t", topic, "-q", "2", "-v", "-d", *options],
                                        stdout=subprocess.PIPE, text=True, bufsize=1)
        self.lines = iter(self.process.stdout.readline, "")
        assert any("SUBACK" in line for line in self.lines)

    def messages(self, topic, count):
        """The next count messages, with the quality of service at which they came."""
        found, qos = [], None
        for line in self.lines:
            if "received PUBLISH" in line:
                qos = int(line.split(", q")[1].split(",")[0])
            elif line.startswith(topic + " "):
                found.append((qos, json.loads(line.removeprefix(topic + " "))))
                if len(found) == count:
                    return found

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.mark.parametrize("version", ["mqtt3.1.1", "mqtt5.0", None])
@pytest.mark.parametrize("qos", ["0", "1", "2", None])
def test_versions_and_qualities(hub, broker, version, qos):
    listener = Listener(broker.port, "out/#")
    info = [{"key": k, "value": v} for k, v in (("MQTT-QoS", qos), ("MQTT-Version", version)) if v]
    endpoint = {"notifierInfo": info} if info else {}
    identifier = subscribe(hub, f"mqtt://127.0.0.1:{broker.port}/out/levels/a", endpoint=endpoint)
    put(hub, sensor(1, level=3))
    (came, message), = listener.messages("out/levels/a", 1)
    assert came == int(qos or 0)
    assert message["metadata"]["Content-Type"] == "application/json"
    assert 'rel="http://www.w3.org/ns/json-ld#context"' in message["metadata"]["Link"]
    assert message["body"]["type"] == "Notification" and message["body"]["subscriptionId"] == identifier
    assert message["body"]["data"][0]["level"]["value"] == 3
    assert wait_for("the count", lambda: hub.get(f"{PATH}/{identifier}").json["notification"].get("status")) == "ok"
    connected = (broker.folder / "mosquitto.log").read_text()
    assert f"(p{'2' if version == 'mqtt3.1.1' else '5'}" in next(l for l in connected.splitlines() if "as zhongshu-" in l)
    listener.close()


def test_more_than_the_window(hub, broker):
    """A broker of 5.0 takes 20 messages at once unless it says otherwise; more subscriptions than that deliver all."""
    listener = Listener(broker.port, "out/#")
    for n in range(50):
        subscribe(hub, f"mqtt://127.0.0.1:{broker.port}/out/all", endpoint={"notifierInfo": [{"key": "MQTT-QoS", "value": "2"}]})
    put(hub, sensor(1, level=3))
    seen = listener.messages("out/all", 50)
    assert len({m["body"]["subscriptionId"] for _, m in seen}) == 50
    listener.close()


def test_ld_json_carries_the_context(hub, broker):
    listener = Listener(broker.port, "out/#")
    subscribe(hub, f"mqtt://127.0.0.1:{broker.port}/out/x", endpoint={"accept": "application/ld+json"})
    put(hub, sensor(1, level=3))
    (_, message), = listener.messages("out/x", 1)
    assert message["metadata"]["Content-Type"] == "application/ld+json" and "Link" not in message["metadata"]
    assert message["body"]["@context"]
    listener.close()


def test_a_broker_that_comes_late_gets_all(hub, tmp_path):
    broker = Broker(tmp_path)
    identifier = subscribe(hub, f"mqtt://127.0.0.1:{broker.port}/out/late", endpoint={"notifierInfo": [{"key": "MQTT-QoS", "value": "1"}]})
    put(hub, *[sensor(n, level=n) for n in range(3)])
    shown = wait_for("a failure", lambda: (n := hub.get(f"{PATH}/{identifier}").json["notification"]).get("timesFailed") and n)
    assert "refused" in shown["failureReason"]
    broker.start()
    listener = Listener(broker.port, "out/#")
    (_, message), = listener.messages("out/late", 1)
    assert sorted(e["level"]["value"] for e in message["body"]["data"]) == [0, 1, 2]
    listener.close()
    broker.stop()


@pytest.fixture
def certificates(tmp_path):
    """A certificate authority and a server's certificate for localhost."""
    run = lambda *a: subprocess.run(["openssl", *a], cwd=tmp_path, check=True, capture_output=True)
    run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Test CA")
    run("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    (tmp_path / "names").write_text("subjectAltName=DNS:localhost")
    run("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "server.pem", "-days", "2",
        "-extfile", "names")
    return tmp_path


@pytest.mark.parametrize("trusted", [True, False])
def test_tls(make_hub, certificates, trusted):
    port, plain = free_port(), free_port()
    config = certificates / "tls.conf"
    config.write_text(f"listener {port}\ncafile {certificates}/ca.pem\ncertfile {certificates}/server.pem\n"
                      f"keyfile {certificates}/server.key\nlistener {plain} 127.0.0.1\nallow_anonymous true\nuser root\n")
    broker = Broker(certificates)
    broker.port = plain
    with open(certificates / "tls.log", "ab") as log:
        broker.process = subprocess.Popen([shutil.which("mosquitto") or "/usr/sbin/mosquitto", "-c", str(config)], stdout=log, stderr=log)
    wait_for("the broker", broker.answers)
    hub = make_hub(env={"SSL_CERT_FILE": str(certificates / "ca.pem")} if trusted else {})
    listener = Listener(plain, "out/#")
    identifier = subscribe(hub, f"mqtts://localhost:{port}/out/safe", endpoint={"notifierInfo": [{"key": "MQTT-QoS", "value": "1"}]})
    put(hub, sensor(1, level=3))
    if trusted:
        (_, message), = listener.messages("out/safe", 1)
        assert message["body"]["data"][0]["level"]["value"] == 3
    else:
        shown = wait_for("a failure", lambda: hub.get(f"{PATH}/{identifier}").json["notification"].get("failureReason"))
        assert "TLS" in shown and "certificate" in shown
    listener.close()
    broker.stop()


@pytest.mark.parametrize("info", [
    [{"key": "MQTT-QoS", "value": "3"}], [{"key": "MQTT-QoS", "value": "11"}], [{"key": "MQTT-Version", "value": "mqtt4"}],
    [{"key": "MQTT-QoS"}], [{"value": "1"}], "x", [1], [{"key": "a b", "value": "x"}],
])
def test_mistakes_in_notifier_info(hub, info):
    body = {"type": "Subscription", "entities": [{"type": "Sensor"}],
            "notification": {"endpoint": {"uri": "mqtt://127.0.0.1/x", "notifierInfo": info}}}
    assert hub.post(PATH, body).status == 400


@pytest.mark.parametrize("uri", ["mqtt://host", "mqtt://host/", "mqtt:///topic", "mqtt://host/a/+/b", "mqtts://host/#", "mqtt://host:x/t"])
def test_mistakes_in_the_uri(hub, uri):
    body = {"type": "Subscription", "entities": [{"type": "Sensor"}], "notification": {"endpoint": {"uri": uri}}}
    assert hub.post(PATH, body).status == 400
