# SPDX-License-Identifier: Apache-2.0
"""What is kept of histories: policies of packs, corrections that outlast a crash, compaction."""
import datetime
import random

from conftest import program, wait_for

BASE = "/ngsi-ld/v1/temporal/entities"
ONE = BASE + "/urn:ngsi-ld:Meter:1"
# Days are those of UTC+8.
LOCAL = datetime.timezone(datetime.timedelta(hours=8))
TODAY = datetime.datetime.now(LOCAL).replace(hour=0, minute=0, second=0, microsecond=0)


def iso(t):
    return t.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def write(hub, points):
    points = list(points)
    for first in range(0, len(points), 1000):
        body = {"id": "urn:ngsi-ld:Meter:1", "type": "Meter", "level": [
            {"type": "Property", "value": v, "observedAt": iso(t)} for t, v in points[first:first + 1000]]}
        assert hub.post(BASE, body).status in (201, 204)


def hours(days):
    source = random.Random(days)
    return [(TODAY - datetime.timedelta(hours=h), round(source.uniform(-50, 500), 1)) for h in range(24 * days, 0, -1)]


def values(hub):
    return hub.get(ONE + "?format=temporalValues").json.get("level", {}).get("values", [])


def by_day(hub):
    answer = hub.get(f"{ONE}?format=aggregatedValues&aggrMethods=totalCount,sum,min,max,avg,stddev&aggrPeriodDuration=P1D"
                     f"&timerel=after&timeAt={iso(TODAY - datetime.timedelta(days=60))}")
    assert answer.status == 200, answer
    return answer.json["level"]


def same(a, b):
    assert a.keys() == b.keys()
    for method in a:
        if isinstance(a[method], list):
            assert [t for _, *t in a[method]] == [t for _, *t in b[method]]
            assert all(abs(x[0] - y[0]) < 1e-6 for x, y in zip(a[method], b[method])), method


def meter_pack(folder, history):
    folder = folder / "meters"
    folder.mkdir()
    (folder / "meters.yaml").write_text(
        "pack: {name: meters, version: 1.0.0, title: Meters}\n"
        f"types: {{Meter: {{title: Meter, attributes: {{level: {{title: Level}}}}, history: {history}}}}}\n")
    return folder


def test_points_too_old_become_hours_and_days(make_hub, tmp_path):
    pack = meter_pack(tmp_path, "{keep: 10d, hour: 20d, day: forever}")
    hub = make_hub(packs=[pack], env={"ZHONGSHU_HISTORY_ROUND": "1"})
    write(hub, hours(40))
    hub.stop()  # writes the points
    before_rounds = make_hub(folder=tmp_path / "hub0")
    before = by_day(before_rounds)
    assert len(before["sum"]) == 40 and len(values(before_rounds)) == 960
    before_rounds.stop()
    hub.start()
    write(hub, [(TODAY, 1)])  # a round comes after writing
    hub.stop()
    hub.start()
    wait_for("old points to go", lambda: len(values(hub)) <= 242)
    old = by_day(hub)
    same({m: v[:40] if isinstance(v, list) else v for m, v in old.items()}, before)
    assert values(hub)[0][1] == iso(TODAY - datetime.timedelta(days=10))
    hub.kill()
    hub.start()
    same(by_day(hub), old)


def test_what_was_deleted_stays_deleted_after_a_crash(make_hub):
    hub = make_hub()
    write(hub, [(TODAY + datetime.timedelta(minutes=n), n) for n in range(100)])
    gone = hub.delete(f"{ONE}/attrs/level")
    assert gone.status == 204, gone
    write(hub, [(TODAY + datetime.timedelta(minutes=n), -n) for n in range(5, 8)])
    hub.kill()  # nothing of it is in history.db yet
    hub.start()
    assert [v for v, _ in values(hub)] == [-5, -6, -7]
    hub.stop()
    hub.start()
    assert [v for v, _ in values(hub)] == [-5, -6, -7]


def test_killed_while_points_are_written(make_hub):
    hub = make_hub(env={"ZHONGSHU_HISTORY_ROUND": "1"})
    expected = {}
    for turn in range(5):
        source = random.Random(turn)
        points = {TODAY + datetime.timedelta(seconds=source.randrange(100000)): source.randrange(1000) / 10 for _ in range(1500)}
        write(hub, sorted(points.items()))
        expected.update(points)
        hub.kill() if turn % 2 else hub.stop()
        hub.start()
    assert values(hub) == [[v, iso(t)] for t, v in sorted(expected.items())]


def test_compact_changes_no_value(make_hub):
    hub = make_hub()
    points = hours(50)
    for first in range(0, len(points), 100):
        write(hub, points[first:first + 100])
    before = values(hub)
    busy = program("compact", "--data", hub.data)
    assert busy.returncode == 1 and "in use" in busy.stderr
    hub.stop()
    out = program("compact", "--data", hub.data)
    assert out.returncode == 0 and "->" in out.stdout, out
    hub.start()
    assert values(hub) == before and len(before) == 1200
