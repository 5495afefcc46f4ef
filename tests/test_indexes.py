# SPDX-License-Identifier: Apache-2.0
"""The AQI of the air pack against a computation of its own, on made-up hours around the change of the standard and, where
the data stand beside the checkout, on real ones."""
import csv
import datetime
import decimal
import fractions
import gzip
import http.client
import json
import math
import random

import pytest

from conftest import DATA, ROOT, wait_for

CHINA = datetime.timezone(datetime.timedelta(hours=8))
INDEX = [0, 50, 100, 150, 200, 300, 400, 500]
SAME = {  # both editions of HJ 633
    "so2": ([0, 150, 500, 650, 800], [0, 50, 150, 475, 800, 1600, 2100, 2620]),
    "no2": ([0, 100, 200, 700, 1200, 2340, 3090, 3840], [0, 40, 80, 180, 280, 565, 750, 940]),
    "co": ([0, 5, 10, 35, 60, 90, 120, 150], [0, 2, 4, 14, 24, 36, 48, 60]),
    "o3": ([0, 160, 200, 300, 400, 800, 1000, 1200], [0, 100, 160, 215, 265, 800]),
}
DUST = {2012: {"pm10": [0, 50, 150, 250, 350, 420, 500, 600], "pm25": [0, 35, 75, 115, 150, 250, 350, 500]},
        2026: {"pm10": [0, 50, 120, 250, 350, 420, 500, 600], "pm25": [0, 35, 60, 115, 150, 250, 350, 500]}}
NAMES = {"so2": "SO2", "no2": "NO2", "co": "CO", "o3": "O3", "pm10": "PM10", "pm25": "PM2.5"}


def rounded(pollutant, value):
    step = decimal.Decimal("0.1") if pollutant == "co" else decimal.Decimal(1)
    exact = decimal.Decimal(value.numerator) / decimal.Decimal(value.denominator)
    return fractions.Fraction(exact.quantize(step, decimal.ROUND_HALF_EVEN))


def sub_index(pollutant, value, day, hourly):
    limits = SAME[pollutant][0 if hourly else 1] if pollutant in SAME else \
        DUST[2026 if day >= datetime.date(2026, 3, 1) else 2012][pollutant]
    value = rounded(pollutant, value)
    for i in range(1, len(limits)):
        if value <= limits[i]:
            low, high = INDEX[i - 1], INDEX[i]
            return math.ceil(low + (high - low) * (value - limits[i - 1]) / (limits[i] - limits[i - 1]))
    return INDEX[len(limits) - 1]


def index(values, day, hourly):
    subs = {p: sub_index(p, v, day, hourly) for p, v in values.items() if v is not None}
    if not subs:
        return None
    aqi = max(subs.values())
    primary = ",".join(NAMES[p] for p in NAMES if aqi > 50 and subs.get(p) == aqi) or "—"
    return aqi, primary


def day_index(hours, day):
    """hours: {0..23: {pollutant: value}}."""
    values = {}
    for p in NAMES:
        have = {h: v[p] for h, v in hours.items() if v.get(p) is not None}
        if p != "o3" and len(have) >= 20:
            values[p] = sum(have.values()) / len(have)
        if p == "o3":
            windows = [[have[h] for h in range(end - 7, end + 1) if h in have] for end in range(7, 24)]
            means = [sum(w) / len(w) for w in windows if len(w) >= 6]
            if means and (len(means) >= 14 or rounded(p, max(means)) > 160):
                values[p] = max(means)
    return index(values, day, False)


def made_up():
    """40 days around the first of March 2026, clean and very dirty, with gaps."""
    chance = random.Random(20260301)
    time = datetime.datetime(2026, 2, 10, tzinfo=CHINA)
    for hour in range(40 * 24):
        scale = 10 ** chance.uniform(0.3, 3.2)
        values = {p: fractions.Fraction(round(chance.uniform(0.1, 1) * scale * (0.02 if p == "co" else 1), 2)).limit_denominator(100)
                  for p in NAMES if chance.random() > 0.06}
        if chance.random() > 0.03 and values:
            yield time + datetime.timedelta(hours=hour), values


def real():
    with gzip.open(DATA / "PRSA_Dongsi.csv.gz", "rt") as f:
        for row in list(csv.DictReader(f))[6000:7300]:
            time = datetime.datetime(*(int(row[k]) for k in ("year", "month", "day", "hour")), tzinfo=CHINA)
            columns = {"so2": "SO2", "no2": "NO2", "co": "CO", "o3": "O3", "pm10": "PM10", "pm25": "PM2.5"}
            values = {p: fractions.Fraction(row[c]) / (1000 if p == "co" else 1) for p, c in columns.items() if row[c] != "NA"}
            if values:
                yield time, values


def changes(hub, last):
    """What the stream gives of stations, from the start, until last(all so far)."""
    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=30)
    connection.request("GET", "/api/v1/stream?type=AirQualityObserved&after=0")
    stream, found = connection.getresponse(), []
    while not last(found):
        line = stream.readline().decode()
        if line.startswith("data: ") and len(line) > 10:
            found.append(json.loads(line[6:]))
    connection.close()
    return found


def utc(time):
    return time.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def check(hub, readings, kill_at=()):
    days = {}
    for n, (time, values) in enumerate(readings):
        if n in kill_at:
            hub.kill()
            hub.start()
        days.setdefault(time.date(), {})[time.hour] = values
        entity = {"id": "urn:ngsi-ld:AirQualityObserved:t", "type": "AirQualityObserved"}
        entity.update({p: {"type": "Property", "value": float(v), "observedAt": utc(time)} for p, v in values.items()})
        answer = hub.post("/ngsi-ld/v1/entityOperations/upsert?options=update", [entity])
        assert answer.status in (201, 204), answer
    hourly = {utc(t): index(v, t.date(), True) for t, v in readings}
    ended = sorted(d for d in days)[:-1]
    daily = {utc(datetime.datetime.combine(d, datetime.time(), CHINA)): day_index(days[d], d) for d in ended}
    daily = {k: v for k, v in daily.items() if v}
    final = sorted(daily)[-1]
    def collect(found):
        return {c["observedAt"]: (c["attrs"]["aqiDaily"], c["attrs"]["primaryPollutantDaily"]) for c in found if "aqiDaily" in c["attrs"]}
    found = changes(hub, lambda f: f and collect(f[-1:]).get(final) == daily[final])
    found += changes(hub, lambda f: sum("aqi" in c["attrs"] for c in f) >= len(hourly))
    by_number = {c["seq"]: c for c in found if "aqi" in c["attrs"]}
    assert {c["observedAt"]: (c["attrs"]["aqi"], c["attrs"]["primaryPollutant"]) for c in by_number.values()} == hourly
    assert len(by_number) == len(hourly), "an index was written twice"
    got = collect(found)
    assert {k: got.get(k) for k in daily} == daily
    return len(hourly), len(daily)


def test_made_up_hours_and_kills(make_hub):
    hub = make_hub(packs=[ROOT / "packs"])
    hours, days = check(hub, list(made_up()), kill_at=random.Random(1).sample(range(900), 6))
    assert hours > 900 and days > 25


@pytest.mark.skipif(not (DATA / "PRSA_Dongsi.csv.gz").exists(), reason="the data folder is not here")
def test_real_hours(make_hub):
    hub = make_hub(packs=[ROOT / "packs"])
    hours, days = check(hub, list(real()))
    assert hours > 1000 and days > 30


def test_mistakes_in_tables_are_named(tmp_path):
    from conftest import program
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "pack.yaml").write_text("pack: {name: bad, version: 1.0.0, title: t}\ntables:\n  x:\n    source: s\n"
                                      "    columns: [i, a]\n    rows:\n      - [0, 0]\n      - [50, -1]\n")
    out = program("packs", "check", folder, "--lang", "en")
    assert out.returncode == 1 and "pack.yaml:8" in out.stdout + out.stderr
