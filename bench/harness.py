# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: entities to write, figures to read, rows to report. BENCH_SCALE=0.01 shrinks the data and the times for
a try."""
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from conftest import Broker, Hub, free_port, wait_for  # noqa: E402,F401

BUILD = ROOT / "build"
DATA = ROOT.parent / "shared" / "data"
SCALE = float(os.environ.get("BENCH_SCALE", "1"))
ENTITIES = "/ngsi-ld/v1/entities"
results = []


def scaled(number, least=1):
    return max(least, int(number * SCALE))


def report(name, figure, aim=""):
    results.append((name, figure, aim))
    print(f"  {name:<58} {figure:<28} {aim}", flush=True)


def metrics(hub):
    text = hub.get("/metrics").text
    return {k: int(v) for k, v in re.findall(r"^(\w+) (-?\d+)$", text, re.M)}


ATTRIBUTES = ("pm25", "pm10", "so2", "no2", "co", "o3")


def entity(number, second, rng):
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1790000000 + second))
    e = {"id": f"urn:ngsi-ld:AirQualityObserved:{number:06d}", "type": "AirQualityObserved"}
    for name in ATTRIBUTES:
        e[name] = {"type": "Property", "value": round(rng.uniform(1, 300), 2), "unitCode": "GQ", "observedAt": at}
    return e


def place(rng):
    return {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [round(106.4 + rng.random() / 5, 6),
                                                                            round(29.4 + rng.random() / 5, 6)]}}


def upsert(hub, batch):
    answer = hub.post("/ngsi-ld/v1/entityOperations/upsert", batch)
    assert answer.status in (201, 204), answer


def fill(hub, count, make=entity, first=0):
    rng = random.Random(1)
    for start in range(first, count, 1000):
        batch = [make(n, 0, rng) for n in range(start, min(count, start + 1000))]
        for e in batch:
            e["location"] = place(rng)
        upsert(hub, batch)


def history_settled(hub):
    # A temporal query waits until the history has taken in all that was durable.
    return hub.get("/ngsi-ld/v1/temporal/entities/urn:ngsi-ld:AirQualityObserved:000000"
                   "?timerel=before&timeAt=2000-01-01T00:00:00Z").status in (200, 404)


def upsert_bodies(path, entities, count, per_request):
    """A file of bodies for bench/upsert.lua, entities drawn at random."""
    rng = random.Random(2)
    with open(path, "w") as f:
        for n in range(count):
            f.write(json.dumps([entity(rng.randrange(entities), n + 1, rng) for _ in range(per_request)]) + "\n")
    return path


def start_wrk(url, script, arguments, seconds, connections):
    return subprocess.Popen(["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds * min(1, SCALE * 10)))}s", "--latency", "--timeout", "30s", "-s",
                             str(ROOT / "bench" / script), url, "--", *map(str, arguments)], stdout=subprocess.PIPE, text=True)


UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60}


def end_wrk(process):
    """(requests a second, p99 in seconds)."""
    out = process.communicate()[0]
    assert process.returncode == 0 and "Non-2xx" not in out, out
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s|m)\b", out).groups()
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), float(number) * UNITS[unit]


def wrk(url, script, arguments, seconds=5, connections=32):
    return end_wrk(start_wrk(url, script, arguments, seconds, connections))


class Bare:
    """A bare libmicrohttpd that answers every request with so many bytes."""

    def __init__(self, length, threads=os.cpu_count()):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen([BUILD / "bench/bench_http", str(self.port), str(length), str(threads)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline().strip() == "ready"

    def stop(self):
        self.process.stdin.close()
        assert self.process.wait(20) == 0
        self.process.stdout.close()
