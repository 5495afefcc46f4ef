# SPDX-License-Identifier: Apache-2.0
"""The program itself: settings, signals, ports, disks, backup."""
import json
import os
import shutil
import signal
import socket
import subprocess
import time

import pytest

from conftest import PROGRAM, ROOT, Hub, free_port, program, wait_for


def serve(*options):
    return subprocess.run([PROGRAM, "serve", *options], capture_output=True, text=True, timeout=30, cwd=ROOT,
                          env={**os.environ, "LANG": "C.UTF-8"})


def test_healthz_metrics_and_openapi(hub):
    assert hub.get("/healthz").json["status"] == "ok"
    metrics = hub.get("/metrics").text
    assert "# HELP zhongshu_store_commits_total" in metrics
    paths = hub.get("/api/v1/openapi.json").json["paths"]
    assert "/ngsi-ld/v1/entities/{id}" in paths and "get" in paths["/ngsi-ld/v1/entities/{id}"]


def test_unknown_setting_is_refused():
    out = serve("--colour", "red")
    assert out.returncode == 1 and "Unknown setting" in out.stderr


def test_auth_off_is_for_loopback_only(tmp_path):
    out = serve("--data", str(tmp_path / "d"), "--listen", "0.0.0.0:0", "--auth", "off")
    assert out.returncode == 1 and "loopback" in out.stderr
    assert not (tmp_path / "d").exists()


def test_taken_port_is_named(tmp_path):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        address = f"127.0.0.1:{s.getsockname()[1]}"
        out = serve("--data", str(tmp_path / "d"), "--listen", address, "--packs", str(empty(tmp_path)))
    assert out.returncode == 1 and address in out.stderr


def empty(tmp_path):
    folder = tmp_path / "none"
    folder.mkdir(exist_ok=True)
    return folder


def test_data_directory_in_use_is_named(hub, tmp_path):
    out = serve("--data", str(hub.data), "--listen", "127.0.0.1:0", "--packs", str(empty(tmp_path)))
    assert out.returncode == 1 and "in use" in out.stderr


def test_config_file_gives_settings_and_the_command_line_wins(tmp_path):
    config = tmp_path / "hub.conf"
    config.write_text(f"[hub]\ndata = {tmp_path / 'd'}\nauth = off\nlisten = 127.0.0.1:1\nlog-level = nonsense\n")
    out = serve("--config", str(config), "--listen", "127.0.0.1:0", "--packs", str(empty(tmp_path)))
    assert "log-level" in out.stderr
    config.write_text("[hub]\ncolour = red\n")
    assert "Unknown setting colour" in serve("--config", str(config)).stderr


def test_stops_within_a_moment_and_keeps_everything(make_hub):
    hub = make_hub()
    entity = {"id": "urn:ngsi-ld:T:1", "type": "T", "n": {"type": "Property", "value": 1}}
    assert hub.post("/ngsi-ld/v1/entities", entity).status == 201
    hub.stop()
    hub.start()
    assert hub.entity("urn:ngsi-ld:T:1")["n"]["value"] == 1


def upsert(hub, number, size=1):
    return hub.post("/ngsi-ld/v1/entityOperations/upsert", [
        {"id": f"urn:ngsi-ld:T:{number}", "type": "T", "n": {"type": "Property", "value": number},
         "text": {"type": "Property", "value": "x" * size}}])


def test_acknowledged_writes_survive_kill_9(make_hub):
    hub = make_hub()
    written = []
    for round_number in range(5):
        for n in range(20):
            number = round_number * 20 + n
            assert upsert(hub, number).status in (201, 204)
            written.append(number)
        hub.kill()
        hub.start()
    answer = hub.get("/ngsi-ld/v1/entities?type=T&limit=1000&format=simplified")
    assert sorted(e["n"] for e in answer.json) == written


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_full_disk_refuses_writes_and_recovers_without_a_restart(tmp_path, make_hub):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(disk)], check=True)
    try:
        hub = make_hub(folder=disk)
        kept, refused = [], None
        for number in range(2000):
            answer = upsert(hub, number, 20000)
            if answer.status not in (201, 204):
                refused = answer
                break
            kept.append(number)
        assert refused is not None and refused.status == 507, refused
        assert refused.json["title"] and "disk is full" in refused.json["detail"]
        assert hub.get("/healthz").status == 200
        assert hub.entity(f"urn:ngsi-ld:T:{kept[-1]}")["n"]["value"] == kept[-1]
        assert hub.entity(f"urn:ngsi-ld:T:{len(kept)}") is None
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        wait_for("writes to be taken again", lambda: upsert(hub, 5000).status in (201, 204))
        hub.kill()
        hub.start()
        assert all(hub.entity(f"urn:ngsi-ld:T:{n}") for n in (*kept, 5000))
        hub.stop()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_backup_of_a_running_hub_restores(make_hub, tmp_path):
    hub = make_hub()
    for number in range(50):
        assert upsert(hub, number).status in (201, 204)
    copy = tmp_path / "copy"
    out = program("backup", "--data", hub.data, "--to", copy)
    assert out.returncode == 0, out.stderr
    upsert(hub, 99)
    again = program("backup", "--data", hub.data, "--to", copy)
    assert again.returncode == 1 and "not empty" in again.stderr
    folder = tmp_path / "restored"
    folder.mkdir()
    assert program("restore", "--from", copy, "--data", folder / "data").returncode == 0
    restored = make_hub(folder=folder)
    assert restored.entity("urn:ngsi-ld:T:49") and restored.entity("urn:ngsi-ld:T:99") is None
    history = restored.get("/ngsi-ld/v1/temporal/entities/urn:ngsi-ld:T:7?format=temporalValues")
    assert history.json["n"]["values"][0][0] == 7


def test_a_damaged_backup_is_refused(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b/hub.db").write_bytes(b"nonsense" * 100)
    (tmp_path / "b/history.db").write_bytes(b"nonsense" * 100)
    out = program("restore", "--from", tmp_path / "b", "--data", tmp_path / "d")
    assert out.returncode == 1 and "history.db" in out.stderr
    assert not (tmp_path / "d").exists()
