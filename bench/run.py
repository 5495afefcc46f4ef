#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The benchmarks: each measures the hub beside its limit or a peer, in the same run, and prints ratios.
Usage: make bench, or bench/run.py [NAME…]; without names, all of them. bench/core.py holds those of the context core."""
import csv
import gzip
import json
import os
import re
import shutil
import socket
import sqlite3
import statistics
import subprocess
import tempfile
import threading
import time
import pathlib
import urllib.request

import core
from harness import *  # noqa: F403


def throw_away(broker, messages):
    """Seconds for a subscriber that acknowledges and throws away."""
    p = subprocess.Popen([BUILD / "bench/bench_flood", "receive", str(broker.port), "zs/air/+/reading", str(messages)],
                         stdout=subprocess.PIPE, text=True)
    assert p.stdout.readline().strip() == "connected"
    start = time.monotonic()
    publisher = subprocess.Popen([BUILD / "bench/bench_flood", "publish", str(broker.port), "600", str(messages)])
    assert float(p.stdout.readline()) > 0
    seconds = time.monotonic() - start
    assert publisher.wait(120) == 0 and p.wait(20) == 0
    return seconds


def take_in(hub, broker, messages):
    """Seconds until the hub has committed them all."""
    key = "zhongshu_ingest_messages_total"
    before = metrics(hub).get(key, 0)
    start = time.monotonic()
    publisher = subprocess.Popen([BUILD / "bench/bench_flood", "publish", str(broker.port), "600", str(messages)])
    wait_for("all messages", lambda: metrics(hub)[key] - before >= messages, 180)
    seconds = time.monotonic() - start
    assert publisher.wait(120) == 0
    return seconds


def bench_mqtt(folder):
    """Readings over MQTT, QoS 1, from the publisher to the commit, in turn with a subscriber that throws them away."""
    messages, rounds = 150000, 3
    plain, ours = [], []
    (folder / "plain").mkdir()
    (folder / "hub").mkdir()
    for _ in range(rounds):
        broker = Broker(folder / "plain").start()
        plain.append(throw_away(broker, messages))
        broker.stop()
    broker = Broker(folder / "hub").start()
    pack = folder / "pack"
    pack.mkdir()
    text = (ROOT / "packs/air/pack.yaml").read_text()
    (pack / "pack.yaml").write_text(re.sub(r"\n  needs: .*", "", text.replace("name: air", "name: pack")))
    for name, packs in (("mapping and history", [pack]), ("with rules, indexes, cases", [ROOT / "packs"])):
        place = folder / f"hub-{len(packs[0].name)}"
        place.mkdir()
        hub = Hub(place, packs=packs, mqtt=broker).start()
        wait_for("the hub at the broker", lambda: hub.get("/api/v1/inputs").json["broker"]["connected"])
        seconds = [take_in(hub, broker, messages) for _ in range(rounds)]
        hub.stop()
        ours.append((name, seconds))
    broker.stop()
    limit = statistics.median(plain)
    report("readings over MQTT, thrown away", f"{messages / limit:,.0f} messages/s")
    for name, seconds in ours:
        took = statistics.median(seconds)
        report(f"  committed, {name}", f"{messages / took:,.0f} messages/s")
        report("  ratio", f"{limit / took:.2f}", "at least 0.3")


def bench_latency(folder):
    """From publishing a reading to its event at the browser's end of the stream."""
    broker = Broker(folder).start()
    hub = Hub(folder, packs=[ROOT / "packs"], mqtt=broker).start()
    wait_for("the hub at the broker", lambda: hub.get("/api/v1/inputs").json["broker"]["connected"])
    stream = urllib.request.urlopen(hub.url + "/api/v1/stream?type=AirQualityObserved", timeout=60)
    sent, delays = {}, []
    ready = threading.Event()

    def listen():
        for line in stream:
            if line.startswith(b"event: hello"):
                ready.set()
            if line.startswith(b"data: {"):
                data = json.loads(line[6:])
                marker = data.get("attrs", {}).get("pm25")
                if marker in sent:
                    delays.append(time.monotonic() - sent.pop(marker))

    threading.Thread(target=listen, daemon=True).start()
    assert ready.wait(20)
    p = subprocess.Popen(["mosquitto_pub", "-p", str(broker.port), "-t", "zs/air/late/reading", "-q", "1", "-l"],
                         stdin=subprocess.PIPE)
    count = 500
    for n in range(count):
        value = round(1 + n / 10, 1)
        line = json.dumps({"ts": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1790000000 + n)), "pm25": value})
        sent[value] = time.monotonic()
        p.stdin.write(line.encode() + b"\n")
        p.stdin.flush()
        time.sleep(0.02)  # the pace of the load: 50 readings a second
    wait_for("the events", lambda: len(delays) >= count)
    p.stdin.close()
    p.wait()
    delays.sort()
    hub.stop()
    broker.stop()
    report("reading to browser event, 50 a second, p50", f"{delays[count // 2] * 1000:.1f} ms")
    report("  p99", f"{delays[count * 99 // 100] * 1000:.1f} ms")


POLLUTANTS = ("PM2.5", "PM10", "SO2", "NO2", "CO", "O3", "TEMP", "PRES", "DEWP", "RAIN", "WSPM")


def beijing():
    """(station, column, unix seconds, value) of all numbers in the Beijing files."""
    for path in sorted(DATA.glob("PRSA_*.csv.gz")):
        with gzip.open(path, "rt") as f:
            for row in csv.DictReader(f):
                at = time.mktime((int(row["year"]), int(row["month"]), int(row["day"]), int(row["hour"]), 0, 0, 0, 0, 0))
                for column in POLLUTANTS:
                    if row[column] != "NA":
                        yield row["station"], column, int(at), float(row[column])


def bench_bytes(folder):
    """Bytes a stored point on the Beijing hours, beside VictoriaMetrics."""
    if not DATA.is_dir():
        return report("bytes a point", "skipped", "no data folder beside the checkout")
    os.environ["TZ"] = "UTC"
    time.tzset()
    rows = {}
    points = 0
    for station, column, at, value in beijing():
        rows.setdefault((station, at), {})[column] = value
        points += 1
    hub = Hub(folder).start()
    batch = []

    def send():
        answer = hub.post("/ngsi-ld/v1/entityOperations/upsert?options=update", batch)
        assert answer.status in (201, 204), answer
        batch.clear()

    for (station, at), values in sorted(rows.items(), key=lambda r: r[0][1]):
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
        e = {"id": f"urn:ngsi-ld:AirQualityObserved:{station}", "type": "AirQualityObserved"}
        e.update({c.replace(".", "_"): {"type": "Property", "value": v, "observedAt": when} for c, v in values.items()})
        batch.append(e)
        if len(batch) == 1000:
            send()
    send()
    history_settled(hub)
    hub.stop()
    report("bytes a stored point, Beijing hours, as written", f"{(hub.data / 'history.db').stat().st_size / points:.2f}")
    subprocess.run([BUILD / "zhongshu", "compact", "--data", hub.data], check=True, stdout=subprocess.DEVNULL)
    db = sqlite3.connect(hub.data / "history.db")
    stored, packed = db.execute("SELECT sum(count), sum(length(body)) FROM chunk").fetchone()
    db.close()
    report("  compacted, chunks alone", f"{packed / stored:.2f}")
    report("  compacted, the whole history file", f"{(hub.data / 'history.db').stat().st_size / points:.2f}",
           "not above VictoriaMetrics")
    program = shutil.which("victoria-metrics")
    if not program:
        return report("  VictoriaMetrics", "skipped", "not installed")
    port = free_port()
    store = folder / "vm"
    vm = subprocess.Popen([program, f"-storageDataPath={store}", f"-httpListenAddr=127.0.0.1:{port}", "-retentionPeriod=100y"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for("VictoriaMetrics", lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
    series = {}
    for (station, at), values in rows.items():
        for c, v in values.items():
            series.setdefault((station, c), []).append((at * 1000, v))
    lines = "".join(json.dumps({"metric": {"__name__": c.replace(".", "_"), "station": s}, "values": [v for _, v in sorted(p)],
                                "timestamps": [t for t, _ in sorted(p)]}) + "\n" for (s, c), p in series.items())
    urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/api/v1/import", lines.encode()), timeout=120).read()
    for path in ("/internal/force_flush", "/internal/force_merge"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=120).read()

    def figures(name):
        text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60).read().decode()
        return sum(int(n) for n in re.findall(rf'^{name}{{type="storage/\w+"}} (\d+)$', text, re.M))

    wait_for("the rows to be stored", lambda: figures("vm_rows") == points)
    size = figures("vm_data_size_bytes")
    vm.terminate()
    vm.wait(60)
    report("  VictoriaMetrics, same points, without its index", f"{size / points:.2f}")


def bench_aggregate(folder):
    """Daily statistics over a year of hours of one series, beside a bare loop over the same chunks."""
    out = subprocess.run([BUILD / "bench/bench_history", "aggregate", folder / "data"], check=True, capture_output=True, text=True)
    ours, bare, loop, year = (float(n) for n in out.stdout.split())
    report("a year of hours by day, from the file", f"{ours:.0f} µs")
    report("  bare: read, unpack, loop", f"{bare:.0f} µs")
    report("  ratio", f"{bare / ours:.2f}")
    report("  bare loop over the unpacked points alone", f"{loop:.0f} µs")
    report("  ratio", f"{loop / ours:.2f}", "at least 0.5")
    report("the whole year, from the chunk's own statistics", f"{year:.0f} µs")


def resident(hub):
    return metrics(hub)["zhongshu_resident_bytes"]


def bench_memory(folder):
    """Resident memory idle and with 100,000 entities; start to first answer."""
    start = time.monotonic()
    hub = Hub(folder).start()
    hub.get("/healthz")
    report("start to first answer, empty", f"{(time.monotonic() - start) * 1000:.0f} ms")
    report("resident memory, idle", f"{resident(hub) / 1e6:.1f} MB")
    fill(hub, 100000)
    report("resident memory, just after writing 100,000 entities", f"{resident(hub) / 1e6:.1f} MB")
    hub.stop()
    start = time.monotonic()
    hub.start()
    assert hub.get("/ngsi-ld/v1/entities/urn:ngsi-ld:AirQualityObserved:050000").status == 200
    report("start to first answer, 100,000 entities", f"{(time.monotonic() - start) * 1000:.0f} ms")
    report("resident memory, 100,000 entities, after a start", f"{resident(hub) / 1e6:.1f} MB")
    hub.stop()


BENCHES = {"mqtt": bench_mqtt, "latency": bench_latency, "bytes": bench_bytes, "aggregate": bench_aggregate, "memory": bench_memory}


def main():
    benches = BENCHES | core.BENCHES
    names = sys.argv[1:] or list(benches)
    for name in names:
        bench = benches[name]
        print(f"\n{name}: {bench.__doc__}", flush=True)
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            bench(pathlib.Path(folder))
    print("\n| what | figure | aim |\n|---|---|---|")
    for row in results:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
