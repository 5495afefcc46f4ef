# SPDX-License-Identifier: Apache-2.0
"""Benchmarks of the context core: reads, writes and queries beside the limits of what they stand on."""
import random
import shutil
import sqlite3
import statistics
import subprocess
import time
import urllib.parse

from harness import (BUILD, ENTITIES, Bare, Hub, end_wrk, entity, fill, history_settled, metrics, report, scaled,
                     start_wrk, upsert, upsert_bodies, wrk)

ROUNDS = 3


def report_ratio(ratios, aim):
    ratios = sorted(ratios)
    report("  ratio, median of the rounds", f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})", aim)


def paths_file(folder, paths):
    file = folder / "paths"
    file.write_text("".join(p + "\n" for p in paths))
    return file


def against_bare(hub, paths, length, what, aim, connections=32):
    """The hub's answers to these paths and a bare server's answers of the same length, in turn."""
    ours, limit = [], []
    for _ in range(ROUNDS):
        ours.append(wrk(hub.url, "paths.lua", [paths], 5, connections)[0])
        bare = Bare(length)
        limit.append(wrk(bare.url, "paths.lua", [paths], 5, connections)[0])
        bare.stop()
    report(what, f"{statistics.median(ours):,.0f} requests/s")
    report(f"  bare libmicrohttpd, {length:,} bytes from memory", f"{statistics.median(limit):,.0f} requests/s")
    report_ratio([a / b for a, b in zip(ours, limit)], aim)


def bench_retrieve(folder):
    """Retrieving by id, 100,000 entities of 6 attributes, beside a bare libmicrohttpd that sends as many bytes."""
    entities = scaled(100000, 1000)
    hub = Hub(folder).start()
    fill(hub, entities)
    rng = random.Random(3)
    paths = [f"{ENTITIES}/urn:ngsi-ld:AirQualityObserved:{rng.randrange(entities):06d}" for _ in range(10000)]
    against_bare(hub, paths_file(folder, paths), len(hub.get(paths[0]).body), "retrieve by id", "at least 0.6")
    hub.stop()


def vehicle(number):
    """The entity of coraine's published query: five attributes, about 550 bytes."""
    return {"id": f"urn:ngsi-ld:Vehicle:{number:05d}", "type": "Vehicle",
            "brandName": {"type": "Property", "value": "Mercedes"},
            "speed": {"type": "Property", "value": 55.5 + number, "unitCode": "KMH", "observedAt": "2026-03-01T12:00:00Z"},
            "passengers": {"type": "Property", "value": number % 5, "observedAt": "2026-03-01T12:00:00Z"},
            "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [106.5 + number / 1000, 29.5]}},
            "isParked": {"type": "Relationship", "object": f"urn:ngsi-ld:OffStreetParking:Downtown{number % 9}",
                         "observedAt": "2026-03-01T12:00:00Z", "providedBy": {"type": "Relationship", "object": "urn:ngsi-ld:Person:Bob"}}}


def bench_query(folder):
    """coraine's published query: 100 entities of 550 bytes, GET /entities?type=Vehicle&limit=20, an answer of 11 KB."""
    hub = Hub(folder).start()
    upsert(hub, [vehicle(n) for n in range(100)])
    path = f"{ENTITIES}?type=Vehicle&limit=20"
    against_bare(hub, paths_file(folder, [path]), len(hub.get(path).body), "type=Vehicle&limit=20 of 100", "at least 0.25")
    hub.stop()


def near_path(rng, metres):
    at = f"[{106.4 + rng.random() / 5:.6f},{29.4 + rng.random() / 5:.6f}]"
    return (f"{ENTITIES}?type=Spot&georel=near;maxDistance=={metres}&geometry=Point&limit=20"
            f"&coordinates={urllib.parse.quote(at)}")


def spot(number, second, rng):
    return {"id": f"urn:ngsi-ld:Spot:{number:07d}", "type": "Spot", "level": {"type": "Property", "value": number % 100}}


def bench_near(folder):
    """georel=near, 100 m around random places, first 20 of about 70, over 1,000,000 points; one HTTP thread, beside a bare R*Tree
    with GEOS in one thread."""
    points, metres = scaled(1000000, 5000), 100
    hub = Hub(folder, "--threads", "1").start()
    fill(hub, points, spot)
    rng = random.Random(4)
    paths = paths_file(folder, [near_path(rng, metres) for _ in range(5000)])
    size = sqlite3.connect(hub.data / "hub.db").execute("SELECT avg(length(body)) FROM entity").fetchone()[0]
    ours, limit = [], []
    for n in range(ROUNDS):
        ours.append(wrk(hub.url, "paths.lua", [paths], 5, 8)[0])
        place_ = folder / f"bare{n}"
        place_.mkdir()
        out = subprocess.run([BUILD / "bench/bench_near", place_, str(points), str(round(size)), str(metres), "3"],
                             capture_output=True, text=True, check=True).stdout.split()
        limit.append(float(out[0]))
        shutil.rmtree(place_)
    hub.stop()
    report(f"near, {points:,} points", f"{statistics.median(ours):,.0f} requests/s")
    report("  bare R*Tree with GEOS, no HTTP", f"{statistics.median(limit):,.0f} queries/s")
    report_ratio([a / b for a, b in zip(ours, limit)], "at least 0.5")


def bare_sqlite(folder, hub, entities, upserts, per_commit):
    """Seconds for the bare program to do the same: rows, commits and chunks of the sizes that the stopped hub has."""
    db = sqlite3.connect(hub.data / "hub.db")
    body = db.execute("SELECT avg(length(body)) FROM entity").fetchone()[0]
    log = db.execute("SELECT avg(length(body)) FROM (SELECT body FROM log ORDER BY first DESC LIMIT 100)").fetchone()[0]
    chunks, chunk = sqlite3.connect(hub.data / "history.db").execute("SELECT count(*), avg(length(body)) FROM chunk").fetchone()
    bare = folder / "bare"
    bare.mkdir()
    out = subprocess.run([BUILD / "bench/bench_sqlite", bare, str(entities), str(upserts), str(max(1, round(per_commit))),
                          str(round(body)), str(round(log)), str(chunks), str(round(chunk or 100))], capture_output=True, text=True, check=True)
    shutil.rmtree(bare)
    return float(out.stdout)


def upsert_round(folder, hub, bodies, seconds, connections, entities):
    """One round: (entities a second, of the bare program, entities a commit)."""
    before = metrics(hub)
    start = time.monotonic()
    end_wrk(start_wrk(hub.url, "upsert.lua", [bodies], seconds, connections))
    assert history_settled(hub)
    wall = time.monotonic() - start
    after = metrics(hub)
    upserts, commits = (after[k] - before.get(k, 0) for k in ("zhongshu_store_log_records_total",
                                                              "zhongshu_store_commits_total"))
    stop = time.monotonic()
    hub.stop()  # writes the chunks
    wall += time.monotonic() - stop
    limit = bare_sqlite(folder, hub, entities, upserts, upserts / commits)
    hub.start()
    return upserts / wall, upserts / limit, upserts / commits


def upsert_rounds(folder, what, entities, per_request, aim):
    hub = Hub(folder).start()
    fill(hub, entities)
    bodies = upsert_bodies(folder / "bodies", entities, scaled(50000 // per_request, 50), per_request)
    measured = [upsert_round(folder, hub, bodies, 10, 64, entities) for _ in range(ROUNDS)]
    hub.stop()
    ours, limit, group = (statistics.median(column) for column in zip(*measured))
    report(what, f"{ours:,.0f} entities/s")
    report("  bare SQLite, same rows, same commits", f"{limit:,.0f} entities/s")
    report_ratio([a / b for a, b, _ in measured], aim)
    report("  entities a commit", f"{group:,.0f}")


def bench_upsert(folder):
    """Durable batch upsert: 100 entities a request, 6 attributes, history on, 100,000 entities in random order; three rounds in
    turn with the bare program."""
    upsert_rounds(folder, "durable upsert, 100 entities a request", scaled(100000, 1000), 100, "at least 0.6")


def bench_single(folder):
    """Durable upsert one by one: one entity a request, 64 connections; the bare program commits as many at a time as the hub did."""
    upsert_rounds(folder, "durable upsert, 1 entity a request, 64 connections", scaled(100000, 1000), 1, "at least 0.5")


def write_rate(hub, bodies):
    before = metrics(hub)["zhongshu_store_log_records_total"]
    start = time.monotonic()
    end_wrk(start_wrk(hub.url, "upsert.lua", [bodies], 10, 64))
    return (metrics(hub)["zhongshu_store_log_records_total"] - before) / (time.monotonic() - start)


def bench_growth(folder):
    """Batch upserts among 10,000 entities and after 1,000,000; resident memory and the first answer with 1,000 and 1,000,000."""
    few, many = scaled(10000, 1000), scaled(1000000, 5000)
    hub = Hub(folder).start()
    fill(hub, 1000)
    first_few = first_answer(hub)
    fill(hub, few, first=1000)
    bodies = upsert_bodies(folder / "few", few, scaled(500, 50), 100)
    at_few = [write_rate(hub, bodies) for _ in range(ROUNDS)]
    fill(hub, many, first=few)
    bodies = upsert_bodies(folder / "many", many, scaled(500, 50), 100)
    at_many = [write_rate(hub, bodies) for _ in range(ROUNDS)]
    resident = metrics(hub)["zhongshu_resident_bytes"]
    first_many = first_answer(hub)
    report(f"upserts among {few:,} entities", f"{statistics.median(at_few):,.0f} entities/s")
    report(f"  after {many:,}", f"{statistics.median(at_many):,.0f} entities/s")
    report("  ratio of the medians", f"{statistics.median(at_many) / statistics.median(at_few):.2f}", "at least 0.8")
    report(f"resident memory, just after writing to {many:,} entities", f"{resident / 1e6:.0f} MB", "at most 600 MB")
    report("  after a start and one answer", f"{metrics(hub)['zhongshu_resident_bytes'] / 1e6:.0f} MB", "at most 600 MB")
    report("start to first answer, 1,000 entities", f"{first_few * 1000:.0f} ms")
    report(f"  {many:,} entities", f"{first_many * 1000:.0f} ms")
    report("  ratio", f"{first_many / first_few:.2f}", "at most 2")
    hub.stop()


def first_answer(hub):
    hub.stop()
    times = []
    for _ in range(ROUNDS):
        start = time.monotonic()
        hub.start()
        assert hub.get(f"{ENTITIES}/urn:ngsi-ld:AirQualityObserved:000500").status == 200
        times.append(time.monotonic() - start)
        if len(times) < ROUNDS:
            hub.stop()
    return statistics.median(times)


def bench_mixed(folder):
    """p99 of retrievals by id over 8 connections, alone and beside batch upserts over 64."""
    entities = scaled(100000, 1000)
    hub = Hub(folder).start()
    fill(hub, entities)
    rng = random.Random(5)
    paths = paths_file(folder, [f"{ENTITIES}/urn:ngsi-ld:AirQualityObserved:{rng.randrange(entities):06d}" for _ in range(10000)])
    bodies = upsert_bodies(folder / "bodies", entities, scaled(500, 50), 100)
    alone, beside = [], []
    for _ in range(ROUNDS):
        alone.append(wrk(hub.url, "paths.lua", [paths], 5, 8)[1])
        writer = start_wrk(hub.url, "upsert.lua", [bodies], 9, 64)
        beside.append(wrk(hub.url, "paths.lua", [paths], 5, 8)[1])
        end_wrk(writer)
    hub.stop()
    report("p99 of reads alone", f"{statistics.median(alone) * 1000:.2f} ms")
    report("  under full write load", f"{statistics.median(beside) * 1000:.2f} ms")
    report("  ratio of the medians", f"{statistics.median(beside) / statistics.median(alone):.1f}", "at most 5")


def subscribe(hub, count, endpoint):
    for n in range(count):
        body = {"type": "Subscription", "entities": [{"type": "AirQualityObserved", "id": f"urn:ngsi-ld:AirQualityObserved:{n:06d}"}],
                "notification": {"endpoint": {"uri": endpoint, "accept": "application/json"}}}
        answer = hub.post("/ngsi-ld/v1/subscriptions", body)
        assert answer.status == 201, answer


def bench_subscriptions(folder):
    """Batch upserts among 10,000 entities without subscriptions, and with 10,000 on one type of which one matches each update; a bare
    server takes the notifications."""
    count = scaled(10000, 100)
    bare = Bare(2)
    hub = Hub(folder).start()
    fill(hub, count)
    bodies = upsert_bodies(folder / "bodies", count, scaled(500, 50), 100)
    plain = [write_rate(hub, bodies) for _ in range(ROUNDS)]
    subscribe(hub, count, bare.url + "/notify")
    told = [write_rate(hub, bodies) for _ in range(ROUNDS)]
    hub.kill()  # what waits to be delivered is not what is measured
    bare.stop()
    report("upserts without subscriptions", f"{statistics.median(plain):,.0f} entities/s")
    report(f"  with {count:,}", f"{statistics.median(told):,.0f} entities/s")
    report("  ratio of the medians", f"{statistics.median(told) / statistics.median(plain):.2f}", "at least 0.8")


BENCHES = {"upsert": bench_upsert, "single": bench_single, "retrieve": bench_retrieve, "query": bench_query, "near": bench_near,
           "growth": bench_growth, "mixed": bench_mixed, "subscriptions": bench_subscriptions}
