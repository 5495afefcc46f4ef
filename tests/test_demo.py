# SPDX-License-Identifier: Apache-2.0
"""The demo district: its packs are sound, its devices reach the hub, things go wrong and right again."""
import collections
import signal
import subprocess

from conftest import PROGRAM, ROOT, program, wait_for

PACKS = ROOT / "packs"


def play(hub, broker, *options):
    return subprocess.Popen([PROGRAM, "demo", "--packs", str(PACKS), "--server", hub.url, "--mqtt",
                             f"127.0.0.1:{broker.port}", *options], stderr=subprocess.PIPE, text=True)


def every_entity(hub, kind):
    found, offset = [], 0
    while True:
        page = hub.get(f"/ngsi-ld/v1/entities?type={kind}&options=keyValues&limit=1000&offset={offset}").json
        found += page
        offset += 1000
        if len(page) < 1000:
            return found


def test_the_packs_have_no_mistake():
    checked = program("packs", "check", PACKS)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_devices_reach_the_hub_and_say_that_they_are_synthetic(broker, make_hub):
    hub = make_hub(packs=[PACKS], mqtt=broker)
    demo = play(hub, broker)
    nodes = wait_for("a hundred manholes with a level",
                     lambda: [n for n in every_entity(hub, "DrainageNode") if "level" in n][100:])
    assert all(n["synthetic"] is True and n["scope"].startswith("/渝中区/") and 0 <= n["level"] < 5 for n in nodes)
    counts = collections.Counter({kind: len(every_entity(hub, kind)) for kind in
                                  ("Street", "Community", "AirQualityObserved", "DrainageNode", "RainGauge",
                                   "PumpStation")})
    assert counts == {"Street": 11, "Community": 80, "AirQualityObserved": 110, "DrainageNode": 426, "RainGauge": 40,
                      "PumpStation": 24}
    demo.send_signal(signal.SIGTERM)
    assert demo.wait(20) == 0, demo.stderr.read()


def test_half_an_hour_brings_alarms_and_clears_them(broker, make_hub):
    hub = make_hub(packs=[PACKS], mqtt=broker)
    demo = play(hub, broker, "--history", "30m", "--speed", "600x", "--for", "1s")
    assert demo.wait(120) == 0, demo.stderr.read()
    wait_for("cleared alarms", lambda: hub.get("/api/v1/alarms?status=cleared").json["total"] >= 3)
    rules = {a["rule"] for a in hub.get("/api/v1/alarms?limit=100").json["items"]}
    assert "level-high" in rules


def test_an_unreachable_hub_is_named(tmp_path):
    broken = program("demo", "--packs", PACKS, "--server", "http://127.0.0.1:9", "--user", "x", "--password-file",
                     tmp_path / "absent")
    assert broken.returncode == 2
    assert "absent" in broken.stderr
