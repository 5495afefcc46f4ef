# SPDX-License-Identifier: Apache-2.0
"""The demo district: its packs are sound, its devices reach the hub, things go wrong and right again."""
import collections
import signal
import subprocess

from conftest import PROGRAM, ROOT, free_port, program, wait_for, write_password
from test_identity import PASSWORD, add_user

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


LAMPS = """
pack: {name: lamps, version: 1.0.0, title: {zh: 路灯, en: Lamps}}
roles:
  desk: {title: {zh: 值班员, en: Desk}, permissions: [cases.act, cases.open]}
  hand: {title: {zh: 电工, en: Electrician}, permissions: [cases.act]}
workflows:
  lamp:
    title: {zh: 路灯, en: Lamp}
    start: reported
    states:
      reported: {title: {zh: 待派, en: Reported}}
      repair: {title: {zh: 维修, en: Repair}}
      fixed: {title: {zh: 修好, en: Fixed}, kind: closed, reason: fixed}
    actions:
      send:
        title: {zh: 派单, en: Send}
        from: reported
        to: repair
        roles: desk
        form: [{name: who, title: {zh: 电工, en: Who}, kind: user, role: hand, required: true}]
        sets: {assignee: {form: who}}
      done:
        title: {zh: 修好, en: Done}
        from: repair
        to: fixed
        roles: hand
        assignee: true
        comment: required
        form: [{name: photo, title: {zh: 照片, en: Photo}, kind: photo, required: true}]
demo:
  crew:
    accounts: [anna, bert]
    hands_off: 1s
    workflows:
      lamp:
        reported: [{do: send, by: anna, after: [1s, 1s], form: {who: bert}}]
        repair: [{do: done, by: "{assignee}", after: [1s, 1s], form: {photo: {picture: 灯.png}}, comment: 已更换}]
"""


def test_a_crew_brings_a_case_to_its_end_and_survives_a_restart(broker, make_hub, tmp_path):
    (tmp_path / "lamps").mkdir()
    (tmp_path / "lamps" / "pack.yaml").write_text(LAMPS)
    folder = tmp_path / "hub"
    folder.mkdir()
    for name, role in {"anna": "desk", "bert": "hand", "carl": "desk"}.items():
        add_user(folder, name, role)
    hub = make_hub("--listen", f"127.0.0.1:{free_port()}", folder=folder, auth="on", packs=[tmp_path / "lamps"])
    crew = None
    for _ in range(2):
        token = hub.sign_in("carl", PASSWORD)
        opened = hub.post("/api/v1/cases", {"workflow": "lamp", "title": "灯不亮"}, token=token).json["id"]
        crew = crew or subprocess.Popen(
            [PROGRAM, "demo", "--packs", str(tmp_path / "lamps"), "--server", hub.url, "--mqtt",
             f"127.0.0.1:{broker.port}", "--user", "anna", "--password-file", str(write_password(tmp_path, PASSWORD))],
            stderr=subprocess.PIPE, text=True)
        case = wait_for("the case at its end", lambda: next(
            (c for c in [hub.get(f"/api/v1/cases/{opened}", token=token).json] if c["state"] == "fixed"), None))
        assert [(e["action"], e["by"]) for e in case["timeline"]] == [("open", "carl"), ("send", "anna"), ("done", "bert")]
        photo = hub.get("/api/v1/attachments/" + case["timeline"][2]["form"]["photo"][0], token=token)
        assert photo.body.startswith(b"\x89PNG") and case["timeline"][2]["comment"] == "已更换"
        hub.stop()
        hub.start()
    crew.send_signal(signal.SIGTERM)
    assert crew.wait(20) == 0, crew.stderr.read()
    assert "4 actions on 2 cases; 0 were refused" in crew.stderr.read()
