# SPDX-License-Identifier: Apache-2.0
"""Rules and alarms of a running hub: raised, cleared, listed, switched, and the same after every restart."""
import csv
import datetime
import io
import random
import signal

import pytest

from conftest import program, wait_for

PACK = """
pack: {name: water, version: 1.0.0, title: {zh: 水, en: Water}}
types:
  Gauge:
    title: {zh: 水位站, en: Gauge}
    attributes:
      name: {title: 名称, kind: Property, value: text}
      level: {title: {zh: 水位, en: Level}, kind: Property, value: number}
rules:
  - name: high
    title: {zh: 水位过高, en: Level high}
    type: Gauge
    when: "level > 10"
    clear: "level < 8"
    severity: [{when: "level > 20", severity: red}, {severity: yellow}]
    message: {zh: "{name} 水位 {level}", en: "{name} at {level}"}
  - name: silent
    title: {zh: 离线, en: Silent}
    type: Gauge
    kind: absence
    when: "name == 'watched'"
    for: 1s
    severity: blue
    message: {zh: 无数据, en: no data}
"""


@pytest.fixture
def pack(tmp_path):
    folder = tmp_path / "packs" / "water"
    folder.mkdir(parents=True)
    (folder / "pack.yaml").write_text(PACK)
    return folder.parent


def reading(hub, gauge, level, minute, **more):
    at = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(minutes=minute)
    entity = {"id": f"urn:ngsi-ld:Gauge:{gauge}", "type": "Gauge",
              "level": {"type": "Property", "value": level, "observedAt": at.isoformat().replace("+00:00", "Z")}}
    entity.update({k: {"type": "Property", "value": v} for k, v in more.items()})
    answer = hub.post("/ngsi-ld/v1/entityOperations/upsert?options=update", [entity])
    assert answer.status in (201, 204), answer


def alarms(hub, query=""):
    answer = hub.get("/api/v1/alarms?limit=1000" + query)
    assert answer.status == 200, answer
    return answer.json


def table(hub):
    return sorted((a["id"].split(":", 4)[-1], a["severity"], a["status"], a["clearedAt"], a["count"])
                  for a in alarms(hub, "&rule=high")["items"])


def test_alarm_from_reading_to_clear(make_hub, pack):
    hub = make_hub(packs=[pack])
    reading(hub, "a", 12, 1, name="甲站")
    alarm = wait_for("the alarm", lambda: alarms(hub)["items"])[0]
    assert alarm["id"] == "urn:ngsi-ld:Alarm:high:Gauge:a:20260301T000100Z"
    assert alarm["source"] == {"id": "urn:ngsi-ld:Gauge:a", "type": "Gauge", "name": "甲站"}
    assert alarm["message"] == {"zh": "甲站 水位 12", "en": "甲站 at 12"}
    assert alarm["reading"] == {"level": {"value": 12, "observedAt": "2026-03-01T00:01:00Z"}}
    assert (alarm["severity"], alarm["status"]) == ("yellow", "active")
    reading(hub, "a", 30, 2)
    wait_for("red", lambda: alarms(hub, "&severity=red")["total"] == 1)
    reading(hub, "a", 9, 3)
    reading(hub, "a", 7, 4)
    one = wait_for("the end", lambda: alarms(hub, "&status=cleared")["items"])[0]
    assert (one["clearedAt"], one["clearReason"], one["count"]) == ("2026-03-01T00:04:00Z", "condition", 2)
    assert hub.get("/api/v1/alarms/" + one["id"]).json == one
    assert hub.get("/api/v1/alarms/urn:ngsi-ld:Gauge:a").status == 404


def test_lists_filter_sort_page_and_export(make_hub, pack):
    hub = make_hub(packs=[pack])
    for n, level in enumerate([12, 25, 13, 5, 26]):
        reading(hub, f"g{n}", level, n, name='=cmd|"x"')
    wait_for("four alarms", lambda: alarms(hub)["total"] == 4)
    ids = [a["source"]["id"][-2:] for a in alarms(hub, "&sort=-severity")["items"]]
    assert set(ids[:2]) == {"g1", "g4"}
    assert [a["startedAt"] for a in alarms(hub, "&sort=startedAt")["items"]] == sorted(
        a["startedAt"] for a in alarms(hub)["items"])
    page = hub.get("/api/v1/alarms?limit=1&offset=1&sort=startedAt").json
    assert page["total"] == 4 and [a["source"]["id"][-2:] for a in page["items"]] == ["g1"]
    assert alarms(hub, "&q=G4")["total"] == 1 and alarms(hub, "&type=Pump")["total"] == 0
    assert alarms(hub, "&from=2026-03-01T00:02:00Z&to=2026-03-01T00:03:00Z")["total"] == 1
    for wrong in ("sort=colour", "from=yesterday", "limit=-1", "limit=1000000"):
        assert hub.get("/api/v1/alarms?" + wrong).status == 400
    sheet = hub.get("/api/v1/alarms?format=csv&severity=red")
    assert sheet.body.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(sheet.body.decode("utf-8-sig"))))
    assert len(rows) == 2 and rows[0]["source"] == '\'=cmd|"x"'


def test_rule_switched_off_and_on(make_hub, pack):
    hub = make_hub(packs=[pack])
    reading(hub, "a", 12, 1)
    wait_for("the alarm", lambda: alarms(hub, "&status=active")["total"] == 1)
    assert hub.patch("/api/v1/rules/water/high", {"enabled": False}).json["enabled"] is False
    ended = wait_for("its end", lambda: alarms(hub, "&status=cleared")["items"])
    assert ended[0]["clearReason"] == "rule-disabled"
    hub.stop()
    hub.start()
    reading(hub, "a", 15, 2)
    reading(hub, "b", 15, 2)
    assert [r["enabled"] for r in hub.get("/api/v1/rules").json["items"] if r["name"] == "high"] == [False]
    assert hub.patch("/api/v1/rules/water/high", {"enabled": True}).status == 200
    reading(hub, "c", 15, 3)
    wait_for("an alarm again", lambda: [a["source"]["id"] for a in alarms(hub, "&status=active&rule=high")["items"]] ==
             ["urn:ngsi-ld:Gauge:c"])
    for path, body in (("water/none", {"enabled": True}), ("water/high", {}), ("water/high", {"enabled": "no"}),
                       ("water/high", [1])):
        assert hub.patch("/api/v1/rules/" + path, body).status in (400, 404)


def test_silence_by_the_clock(make_hub, pack):
    hub = make_hub(packs=[pack])
    reading(hub, "a", 1, 1, name="watched")
    reading(hub, "b", 1, 1, name="not so")
    alarm = wait_for("silence", lambda: alarms(hub, "&rule=silent")["items"])[0]
    assert alarm["source"]["id"].endswith(":a") and "lastHeard" in alarm["reading"]
    reading(hub, "a", 1, 2)
    wait_for("its end", lambda: alarms(hub, "&rule=silent&status=cleared")["total"] >= 1)


def test_rules_that_change_while_running(make_hub, pack):
    hub = make_hub(packs=[pack])
    reading(hub, "a", 12, 1)
    reading(hub, "b", 14, 1)
    wait_for("alarms", lambda: alarms(hub, "&status=active")["total"] == 2)
    file = pack / "water" / "pack.yaml"
    file.write_text(PACK.replace('level > 10', 'level > 13').replace('level < 8', 'level < 13'))
    assert hub.post("/api/v1/packs/reload").status in (200, 204)
    reading(hub, "a", 12, 2)
    reading(hub, "b", 14, 2)
    wait_for("one by the new rule", lambda: alarms(hub, "&status=cleared")["total"] == 1)
    file.write_text(PACK.replace("name: high", "name: higher"))
    assert hub.post("/api/v1/packs/reload").status in (200, 204)
    wait_for("the other with its rule", lambda: alarms(hub, "&status=active")["total"] == 0)
    names = [r["name"] for r in hub.get("/api/v1/rules").json["items"]]
    assert "higher" in names and "high" not in names
    assert alarms(hub, "&q=rule")["total"] == 0
    reading(hub, "b", 14, 3)
    wait_for("the new rule's own", lambda: alarms(hub, "&rule=higher")["total"] == 1)


def feed(hub, from_minute=0, to_minute=150, kill_at=()):
    """Random levels of five gauges; the hub is killed at some minutes."""
    chance = random.Random(7)
    for minute in range(to_minute):
        levels = [chance.choice([3, 5, 7, 9, 11, 12, 22, 30]) for _ in range(5)]
        if minute < from_minute:
            continue
        entities = [{"id": f"urn:ngsi-ld:Gauge:g{i}", "type": "Gauge",
                     "level": {"type": "Property", "value": level,
                               "observedAt": f"2026-03-01T{minute // 60:02}:{minute % 60:02}:00Z"}}
                    for i, level in enumerate(levels)]
        assert hub.post("/ngsi-ld/v1/entityOperations/upsert?options=update", entities).status in (201, 204)
        if minute in kill_at:
            hub.process.send_signal(signal.SIGKILL)
            hub.process.wait()
            hub.close_pipe()
            hub.start()


def expected():
    """The same rule once more, in a few lines."""
    chance, state, rows = random.Random(7), {}, []
    for minute in range(150):
        time = f"{minute // 60:02}{minute % 60:02}"
        for i in range(5):
            level = chance.choice([3, 5, 7, 9, 11, 12, 22, 30])
            if i not in state and level > 10:
                state[i] = [time, "red" if level > 20 else "yellow", 1]
            elif i in state and level < 8:
                start, severity, count = state.pop(i)
                rows.append((f"Gauge:g{i}:20260301T{start}00Z", severity, "cleared",
                             f"2026-03-01T{time[:2]}:{time[2:]}:00Z", count))
            elif i in state:
                state[i][1] = "red" if level > 20 else "yellow"
                state[i][2] += level > 10
    return sorted(r for r in rows), {i: s for i, s in state.items()}


def test_kill_and_restart_repeats_and_forgets_nothing(make_hub, pack):
    hub = make_hub(packs=[pack])
    feed(hub, kill_at=sorted(random.Random(3).sample(range(150), 12)))
    cleared, active = expected()
    wait_for("all alarms", lambda: [r for r in table(hub) if r[2] == "cleared"] == cleared)
    assert len([r for r in table(hub) if r[2] == "active"]) == len(active)
    hub.stop()
    hub.start()
    assert [r for r in table(hub) if r[2] == "cleared"] == cleared


def test_mistakes_are_named_with_file_and_line(tmp_path, pack):
    (pack / "water" / "more.yaml").write_text(
        'rules:\n  - name: odd\n    title: t\n    type: Gauge\n    severity: red\n    message: m\n    when: "levle > 1"\n')
    out = program("packs", "check", pack, "--lang", "en")
    assert out.returncode == 1
    assert "more.yaml:7" in out.stderr + out.stdout and "levle" in out.stderr + out.stdout
