# SPDX-License-Identifier: Apache-2.0
"""CSV files: imported by the command and over HTTP, in three encodings, ragged, twice, and killed on the way."""
import signal
import subprocess

import pytest

from conftest import PROGRAM, ROOT, program, wait_for

PACK = """
pack: {name: p, version: 1.0.0, title: P}
types:
  Gauge: {title: Gauge, attributes: {name: {title: Name, value: text}, level: {title: Level, value: number}}}
inputs:
  - name: rows
    payload: row
    id: "urn:ngsi-ld:Gauge:{no}"
    type: Gauge
    time: {from: [date, hour], format: "%Y-%m-%d %H"}
    zone: "+08:00"
    missing: ["NA"]
    attributes:
      name: {from: 站名, value: text}
      level: {from: level, max: 1000000}
"""
HEADER = "no,date,hour,站名,level\n"


@pytest.fixture
def pack(tmp_path):
    path = tmp_path / "p"
    path.mkdir()
    (path / "pack.yaml").write_text(PACK)
    return path


def rows(count, start=0):
    return "".join(f"g{n % 7},2020-{n // 672 % 12 + 1:02}-{n // 24 % 28 + 1:02},{n % 24},大坪站,{n}\n"
                   for n in range(start, start + count))


def upload(hub, body, query=""):
    answer = hub.post("/api/v1/imports?input=rows" + query, body, headers={"X-Requested-With": "zhongshu"})
    assert answer.status == 202, answer
    identifier = answer.json["id"]
    state = wait_for("the import", lambda: (s := hub.get("/api/v1/imports/" + identifier).json)["state"] != "running" and s)
    return state


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_encodings_are_found_out(make_hub, pack, encoding):
    hub = make_hub(packs=[pack])
    state = upload(hub, (HEADER + rows(10)).encode(encoding))
    assert (state["state"], state["accepted"], state["rejected"]) == ("done", 10, 0), state
    assert hub.entity("urn:ngsi-ld:Gauge:g1")["name"]["value"] == "大坪站"


def test_rejected_rows_have_line_and_reason(make_hub, pack):
    hub = make_hub(packs=[pack])
    body = HEADER + ("a,2020-01-01,1,站,5\n"
                     "b,2020-01-01,1,站\n"                    # 3: ragged
                     'c,2020-01-01,1,"二\n行",7\n'             # 4-5: fine
                     'd,2020-01-01,1,"x"y,7\n'                # 6: quotes
                     "e,2020-13-01,1,站,7\n"                  # 7: month 13
                     "f,2020-01-01,1,站,many\n"               # 8: partly
                     ",2020-01-01,1,站,7\n"                   # 9: no id
                     "h,2020-01-01,1,NA,NA\n"                 # 10: nothing in it
                     'i,2020-01-01,1,"open,7\n')              # 11: never closed
    state = upload(hub, body.encode())
    assert (state["state"], state["rows"], state["accepted"], state["rejected"], state["partial"]) == ("done", 9, 3, 6, 1)
    listed = hub.get(f"/api/v1/imports/{state['id']}/rejected").json
    assert [i["line"] for i in listed["items"]] == [3, 6, 7, 8, 9, 10, 11] and listed["total"] == 7
    assert "header 5" in listed["items"][0]["reason"]["en"] and "表头有 5 个" in listed["items"][0]["reason"]["zh"]
    assert listed["items"][3]["partial"] and listed["items"][3]["row"] == "f,2020-01-01,1,站,many"
    text = hub.get(f"/api/v1/imports/{state['id']}/rejected?format=csv").text
    assert text.startswith("\ufeffline,partial,reason_zh,reason_en,row\r\n3,")


def test_the_same_file_again_changes_nothing(make_hub, pack):
    hub = make_hub(packs=[pack])
    body = (HEADER + rows(500)).encode()
    upload(hub, body)
    temporal = "/ngsi-ld/v1/temporal/entities/urn:ngsi-ld:Gauge:g3?attrs=level&options=temporalValues&lastN=10000"
    first = hub.entity("urn:ngsi-ld:Gauge:g3"), hub.get(temporal).json["level"]["values"]
    state = upload(hub, body)
    assert state["accepted"] == 500
    assert first == (hub.entity("urn:ngsi-ld:Gauge:g3"), hub.get(temporal).json["level"]["values"])


@pytest.mark.parametrize("body,status,reason", [
    (b"a,b,a\n1,2,3\n", "failed", "twice"), (b"", "failed", "no header"), (b"x,y\n1,2\n", "done", None)])
def test_odd_files(make_hub, pack, body, status, reason):
    state = upload(make_hub(packs=[pack]), body)
    assert state["state"] == status and (reason is None or reason in state["reason"]["en"]), state


def test_bad_requests(make_hub, pack):
    hub = make_hub(packs=[pack])
    for query, status in [("", 400), ("?input=nobody", 404), ("?input=rows&encoding=klingon", 400)]:
        assert hub.post("/api/v1/imports" + query, b"a\n1\n", headers={"X-Requested-With": "zhongshu"}).status == status
    utf16 = hub.post("/api/v1/imports?input=rows", "a\n1\n".encode("utf-16"), headers={"X-Requested-With": "zhongshu"})
    assert utf16.status == 415 and "UTF-16" in utf16.json["detail"]
    assert hub.get("/api/v1/imports/none").status == 404 and hub.get("/api/v1/imports/none/rejected").status == 404


def test_a_killed_hub_goes_on_with_its_import(make_hub, pack):
    hub = make_hub("--fsync-delay", "30000", packs=[pack])
    total = 60000
    answer = hub.post("/api/v1/imports?input=rows", (HEADER + rows(total)).encode(), headers={"X-Requested-With": "zhongshu"})
    path = "/api/v1/imports/" + answer.json["id"]
    for part in (0.2, 0.5):
        wait_for("some rows", lambda: hub.get(path).json["rows"] > total * part)
        hub.kill()
        hub.start()
    state = wait_for("the end", lambda: (s := hub.get(path).json)["state"] == "done" and s)
    assert state["rows"] == state["accepted"] == total and state["rejected"] == 0


def test_the_command_resumes_and_reports(pack, tmp_path):
    path, log = tmp_path / "rows.csv", tmp_path / "data" / "hub.db-wal"
    path.write_text(HEADER + rows(200000) + "short\n")
    command = ["import", path, "--input", "rows", "--data", tmp_path / "data", "--packs", pack]
    first = subprocess.Popen([PROGRAM, *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
    wait_for("some commits", lambda: log.exists() and log.stat().st_size > 500_000)
    assert first.poll() is None
    first.send_signal(signal.SIGKILL)
    first.communicate()
    second = program(*command)
    assert second.returncode == 3, second.stderr
    assert "going on from line" in second.stderr and "200000 rows accepted, 1 rejected" in second.stderr


def test_the_command_sends_files_to_a_running_hub(make_hub, pack, tmp_path):
    hub = make_hub(packs=[pack])
    path = tmp_path / "rows.csv"
    path.write_text(HEADER + rows(100))
    done = program("import", path, "--input", "rows", "--server", hub.url)
    assert done.returncode == 0 and "100 rows accepted" in done.stderr, done.stderr
    assert hub.get("/api/v1/imports/" + done.stdout.strip()).json["fileName"] == "rows.csv"
    refused = program("import", path, "--input", "nobody", "--server", hub.url)
    assert refused.returncode == 1 and "nobody" in refused.stderr
    assert program("import", path).returncode == 2
