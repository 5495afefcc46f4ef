# SPDX-License-Identifier: Apache-2.0
"""Recorded hours replayed over MQTT: every row is kept exactly once or rejected with a reason, the same alarms and cases come
out each time, and killing the hub at random moments changes none of it."""
import csv
import gzip
import json
import random
import subprocess

import pytest

from conftest import DATA, PROGRAM, ROOT, program, wait_for

COLUMNS = ["No", "year", "month", "day", "hour", "PM2.5", "PM10", "SO2", "NO2", "CO", "O3", "TEMP", "PRES", "DEWP", "RAIN",
           "wd", "WSPM", "station"]
NUMBERS = {"PM2.5": "pm25", "PM10": "pm10", "SO2": "so2", "NO2": "no2", "O3": "o3"}


def made_up_rows(stations, days):
    """Hours like the recorded ones: slow waves, gaps, a silent station, episodes that raise alarms."""
    rng = random.Random(7)
    for day in range(days):
        for hour in range(24):
            for s in range(stations):
                if s == 1 and day % 3 == 1 and hour < 8:
                    continue
                bad = 4 if (day + s) % 4 == 0 and 6 <= hour < 18 else 1
                row = {"No": day * 24 + hour + 1, "year": 2016, "month": 3 + day // 28, "day": 1 + day % 28, "hour": hour,
                       "PM2.5": round(rng.uniform(5, 90) * bad), "PM10": round(rng.uniform(20, 120) * bad),
                       "SO2": rng.randint(2, 40), "NO2": rng.randint(5, 90), "CO": rng.randint(2, 40) * 100,
                       "O3": rng.randint(5, 90) * bad, "TEMP": round(rng.uniform(-5, 30), 1), "PRES": 1010.5,
                       "DEWP": -3.5, "RAIN": 0, "wd": rng.choice(["N", "NNE", "SW"]), "WSPM": 1.5, "station": f"S{s}"}
                for column in ("PM2.5", "CO", "O3", "wd"):
                    if rng.random() < 0.03:
                        row[column] = "NA"
                if rng.random() < 0.01:
                    row.update({c: "NA" for c in COLUMNS[5:17]})
                yield row


def write_files(folder, rows):
    by_station = {}
    for row in rows:
        by_station.setdefault(row["station"], []).append(row)
    paths = []
    for station, some in sorted(by_station.items()):
        path = folder / f"{station}.csv"
        with open(path, "w", newline="") as f:
            writer = csv.DictWriter(f, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(some)
        paths.append(path)
    return paths


def replay(broker, paths, check=True):
    command = [PROGRAM, "replay", *map(str, paths), "--mqtt", f"127.0.0.1:{broker.port}", "--topic",
               "zs/prsa/{station}/reading", "--time", "year,month,day,hour", "--zone", "+08:00", "--speed", "max"]
    p = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if check:
        _, errors = p.communicate(timeout=600)
        assert p.returncode == 0, errors
    return p


def messages(hub):
    for line in hub.get("/metrics").text.splitlines():
        if line.startswith("zhongshu_ingest_messages_total "):
            return int(line.split()[1])
    return 0


def settle(hub, seconds=300):
    """Waits until every reader of the log has dealt with all of it, what they wrote included."""
    last = None

    def quiet():
        nonlocal last
        health = hub.get("/healthz").json
        even = all(seq == health["logEnd"] for seq in health["readers"].values())
        again = even and last == health["logEnd"]
        last = health["logEnd"]
        return again

    wait_for("the readers of the log", quiet, seconds)


def series(hub, station, attribute):
    """All points of one attribute: {time: value}."""
    answer = hub.get(f"/ngsi-ld/v1/temporal/entities/urn:ngsi-ld:AirQualityObserved:{station}?attrs={attribute}"
                     "&format=temporalValues&timerel=before&timeAt=2100-01-01T00:00:00Z")
    if answer.status == 404:
        return {}
    assert answer.status == 200, answer
    values = answer.json.get(attribute, {}).get("values", [])
    found = {at: value for value, at in values}
    assert len(found) == len(values)
    return found


def at_of(row):
    import datetime
    local = datetime.datetime(int(row["year"]), int(row["month"]), int(row["day"]), int(row["hour"]))
    return (local - datetime.timedelta(hours=8)).strftime("%Y-%m-%dT%H:%M:%SZ")


def rejected(hub):
    total, items = None, []
    while total is None or len(items) < total:
        page = hub.get(f"/api/v1/rejections?limit=1000&offset={len(items)}").json
        total = page["total"]
        items += page["items"]
        assert page["items"] or len(items) >= total
    return items


def check_every_row(hub, rows):
    stations = sorted({r["station"] for r in rows})
    expected = {(s, c): {} for s in stations for c in NUMBERS}
    empty = set()
    for row in rows:
        if all(row[c] == "NA" for c in COLUMNS[5:17]):
            empty.add((row["station"], at_of(row)))
        for column in NUMBERS:
            if row[column] != "NA":
                expected[row["station"], column][at_of(row)] = float(row[column])
    for (station, column), points in expected.items():
        assert series(hub, station, NUMBERS[column]) == points, (station, column)
    items = rejected(hub)
    assert all(i["reason"]["zh"] and i["reason"]["en"] for i in items)
    told = set()
    for item in items:
        payload = json.loads(item["payload"])
        told.add((payload["station"], at_of(payload)))
    assert told == empty and len(items) == len(empty)


def outcome(hub):
    """What came of the readings: alarms and cases, without the hour of the clock on the wall."""
    alarms, cases = [], []
    for kind, into, keys in (("alarms", alarms, ("id", "rule", "severity", "status", "startedAt", "clearedAt")),
                             ("cases", cases, ("id", "workflow", "state", "severity"))):
        total = None
        while total is None or len(into) < total:
            page = hub.get(f"/api/v1/{kind}?limit=1000&offset={len(into)}").json
            total = page["total"]
            into += [{k: i.get(k) for k in keys} for i in page["items"]]
    ids = [a["id"] for a in alarms] + [c["id"] for c in cases]
    assert len(ids) == len(set(ids))
    return sorted(map(str, alarms)), sorted(map(str, cases))


def run_through(make_hub, broker, paths, count):
    hub = make_hub(packs=[ROOT / "packs"], mqtt=broker)
    replay(broker, paths)
    wait_for("all messages", lambda: messages(hub) >= count, 600)
    settle(hub)
    return hub


def test_each_row_is_kept_once_and_two_runs_agree(make_hub, broker, tmp_path):
    rows = list(made_up_rows(4, 21))
    paths = write_files(tmp_path, rows)
    first = run_through(make_hub, broker, paths, len(rows))
    check_every_row(first, rows)
    result = outcome(first)
    assert len(result[0]) > 10 and len(result[1]) > 0
    first.stop()
    second = run_through(make_hub, broker, paths, len(rows))
    assert outcome(second) == result


@pytest.mark.slow
def test_killed_at_fifty_random_moments(make_hub, broker, tmp_path):
    rows = list(made_up_rows(6, 84))
    paths = write_files(tmp_path, rows)
    undisturbed = run_through(make_hub, broker, paths, len(rows))
    expected = outcome(undisturbed)
    undisturbed.stop()

    rng = random.Random(11)
    hub = make_hub(packs=[ROOT / "packs"], mqtt=broker)
    wait_for("the broker", lambda: hub.get("/api/v1/inputs").json["broker"]["connected"])
    publisher = replay(broker, paths, check=False)
    kills = 0
    for step in range(50):
        # A random number of records further on, or when there is nothing more to come, at once.
        goal = hub.get("/healthz").json["logEnd"] + rng.randint(1, len(rows) // 40)
        wait_for("progress", lambda: hub.get("/healthz").json["logEnd"] >= goal or publisher.poll() is not None)
        hub.kill()
        kills += 1
        hub.start()
    assert kills == 50 and publisher.wait(600) == 0
    settle(hub)
    wait_for("the last row", lambda: all(
        (hub.entity(f"urn:ngsi-ld:AirQualityObserved:S{s}") or {}).get("no2", {}).get("observedAt") == last_hour(rows, s)
        for s in range(6)), 120)
    settle(hub)
    check_every_row(hub, rows)
    assert outcome(hub) == expected
    hub.stop()
    out = program("verify", "--data", hub.data)
    assert out.returncode == 0, out.stdout


def last_hour(rows, station):
    return max(at_of(r) for r in rows if r["station"] == f"S{station}" and r["NO2"] != "NA")


# ---- the recorded hours of Beijing, where the data folder stands beside the checkout ----

def beijing():
    rows = []
    for path in sorted(DATA.glob("PRSA_*.csv.gz")):
        with gzip.open(path, "rt") as f:
            rows += list(csv.DictReader(f))
    return rows


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="the recorded data is not beside the checkout")
def test_beijing_hours(make_hub, broker):
    rows = beijing()
    assert len(rows) == 210384
    paths = sorted(DATA.glob("PRSA_*.csv.gz"))
    hub = run_through(make_hub, broker, paths, len(rows))
    check_every_row(hub, rows)
    result = outcome(hub)
    hub.stop()
    again = run_through(make_hub, broker, paths, len(rows))
    assert outcome(again) == result
