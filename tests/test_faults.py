# SPDX-License-Identifier: Apache-2.0
"""A disk that fails: writes are refused with the reason, reads go on, and all is well again without a restart."""
import os

import pytest

from conftest import BUILD, wait_for

SHIM = BUILD / "tests" / "libfaults.so"
ID = "urn:ngsi-ld:T:{}"


class Disk:
    """What the hub's fsync and write do; see faults.c."""

    def __init__(self, path):
        self.path = path
        path.write_bytes(b"0" * 4096)

    def mode(self, fsync="0", write="0"):
        with open(self.path, "r+b") as f:
            f.write((fsync + write).encode())


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path / "faults")


@pytest.fixture
def faulty(make_hub, disk):
    env = {"LD_PRELOAD": str(SHIM), "FAULTS": str(disk.path)}
    if "asan" in str(BUILD):
        env["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    return make_hub(env=env)


def write(hub, number):
    return hub.post("/ngsi-ld/v1/entityOperations/upsert", [
        {"id": ID.format(number), "type": "T", "n": {"type": "Property", "value": number},
         "text": {"type": "Property", "value": "x" * 5000}}])


def state(hub):
    return hub.get("/healthz").json["status"]


@pytest.mark.parametrize("fsync, mode, status", [("E", "0", 503), ("0", "E", 503), ("0", "S", 507), ("0", "H", 507)],
                         ids=["fsync", "write", "full", "half-written"])
def test_a_failing_disk_refuses_writes_and_recovers_without_a_restart(faulty, disk, fsync, mode, status):
    hub = faulty
    assert all(write(hub, n).status in (201, 204) for n in range(20))
    assert state(hub) == "ok"
    disk.mode(fsync, mode)
    refused = wait_for("a refusal", lambda: next((a for a in (write(hub, 100),) if a.status >= 400), None))
    assert refused.status == status, refused
    assert "nothing of this request was kept" in refused.json["detail"]
    assert refused.status == 507 or refused.headers["Retry-After"]
    assert state(hub) == "readOnly"
    assert "disk" in hub.get("/healthz").json["detail"]
    assert "磁盘" in hub.get("/healthz", headers={"Accept-Language": "zh"}).json["detail"]
    assert len(hub.get("/ngsi-ld/v1/entities?type=T&limit=100").json) == 20
    assert hub.entity(ID.format(100)) is None
    disk.mode()
    wait_for("the disk to be trusted again", lambda: state(hub) == "ok")
    assert write(hub, 200).status in (201, 204)
    hub.kill()
    hub.start()
    kept = {e["n"] for e in hub.get("/ngsi-ld/v1/entities?type=T&limit=100&format=simplified").json}
    assert kept == {*range(20), 200}


def test_random_failures_lose_nothing_that_was_acknowledged(faulty, disk):
    hub = faulty
    acknowledged, refused = set(), set()
    disk.mode("R", "R")
    for n in range(300):
        (acknowledged if write(hub, n).status in (201, 204) else refused).add(n)
    disk.mode()
    wait_for("the disk to be trusted again", lambda: state(hub) == "ok")
    assert len(acknowledged) > 10 and len(refused) > 10
    hub.kill()
    hub.start()
    kept = {e["n"] for e in hub.get("/ngsi-ld/v1/entities?type=T&limit=1000&format=simplified").json}
    assert kept == acknowledged
    for n in sorted(acknowledged)[-3:]:
        history = hub.get(f"/ngsi-ld/v1/temporal/entities/{ID.format(n)}?timerel=before&timeAt=2100-01-01T00:00:00Z"
                          "&timeproperty=modifiedAt")
        assert history.status == 200, history
