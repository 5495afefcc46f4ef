# SPDX-License-Identifier: Apache-2.0
"""Histories as files: CSV, JSON lines and GeoJSON, for one entity and for what a query finds; of any length."""
import csv
import io
import json
import socket
import urllib.parse

import pytest

from conftest import wait_for
from test_temporal import BASE, iso, points, station, write

MANY = "/api/v1/history"
ONE = MANY + "/urn:ngsi-ld:Station:1"


def table(answer, encoding="utf-8-sig"):
    assert answer.status == 200, answer
    return list(csv.reader(io.StringIO(answer.body.decode(encoding))))


def lines(answer):
    assert answer.status == 200, answer
    return [json.loads(line) for line in answer.text.splitlines()]


def place(t, lon):
    return {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [lon, 29.5]}, "observedAt": iso(t)}


def two(hub):
    write(hub, (0, 1), (60, 2))
    write(hub, (60, "=1+1"), (120, 'a "b", c'), name="remark")
    write(hub, (30, 5), number=2, name="no2")


def test_one_entity_as_a_table(hub):
    two(hub)
    answer = hub.get(ONE + "?format=csv")
    assert answer.body.startswith(b"\xef\xbb\xbf") and answer.headers["Content-Type"].startswith("text/csv; charset=utf-8")
    assert table(answer) == [["time", "pm25", "remark"], [iso(0), "1", ""], [iso(60), "2", "'=1+1"], [iso(120), "", 'a "b", c']]
    assert table(hub.get(ONE)) == table(answer)
    assert table(hub.get(f"{ONE}?pick=pm25&timerel=after&timeAt={iso(30)}")) == [["time", "pm25"], [iso(60), "2"]]


def test_what_a_query_finds_as_a_table(hub):
    two(hub)
    one, other = "urn:ngsi-ld:Station:1", "urn:ngsi-ld:Station:2"
    assert table(hub.get(MANY + "?type=Station")) == [
        ["id", "time", "pm25", "remark", "no2"], [one, iso(0), "1", "", ""], [one, iso(60), "2", "'=1+1", ""],
        [one, iso(120), "", 'a "b", c', ""], [other, iso(30), "", "", "5"]]
    assert [r[0] for r in table(hub.get(MANY + "?type=Station&q=no2>1"))[1:]] == [other]
    assert [r[0] for r in table(hub.get(MANY + "?type=Station&idPattern=1$&attrs=pm25"))[1:]] == [one, one]


def test_gb18030_and_times_of_the_place(hub):
    write(hub, (0, "大坪街道 𠮷"), name="name")
    answer = hub.get(ONE + "?charset=gb18030&zone=%2B08:00&lang=zh", headers={"Accept-Language": "zh-CN"})
    assert "charset=gb18030" in answer.headers["Content-Type"]
    assert table(answer, "gb18030") == [["时间", "name"], ["2026-03-01 08:00:00", "大坪街道 𠮷"]]
    assert answer.body.decode("gb18030")[0] == "时"


def test_names_of_files_are_in_the_language(hub):
    two(hub)
    names = {}
    for language in ("en", "zh-CN"):
        header = hub.get(ONE + "?format=ndjson", headers={"Accept-Language": language}).headers["Content-Disposition"]
        assert header.startswith('attachment; filename="history-20')
        names[language] = urllib.parse.unquote(header.split("filename*=UTF-8''")[1])
    assert names["en"].startswith("history-Station-1-20") and names["zh-CN"].startswith("历史数据-Station-1-20")
    assert all(n.endswith(".ndjson") for n in names.values())
    assert "Station-20" in urllib.parse.unquote(hub.get(MANY + "?type=Station").headers["Content-Disposition"])


def test_json_lines(hub):
    two(hub)
    hub.post(BASE, station(2, says={"type": "LanguageProperty", "languageMap": {"zh": "好", "en": "well"}, "observedAt": iso(30)},
                           time={"type": "Property", "value": 1, "observedAt": iso(40)}))
    found = lines(hub.get(MANY + "?type=Station&format=ndjson&lang=zh"))
    assert found == [
        {"id": "urn:ngsi-ld:Station:1", "type": "Station", "time": iso(0), "pm25": 1},
        {"id": "urn:ngsi-ld:Station:1", "type": "Station", "time": iso(60), "pm25": 2, "remark": "=1+1"},
        {"id": "urn:ngsi-ld:Station:1", "type": "Station", "time": iso(120), "remark": 'a "b", c'},
        {"id": "urn:ngsi-ld:Station:2", "type": "Station", "time": iso(30), "no2": 5, "says": "好"},
        {"id": "urn:ngsi-ld:Station:2", "type": "Station", "time": iso(40), "time#": 1}]


def test_geojson_says_where_it_was(hub):
    hub.post(BASE, station(location=[place(0, 106.5), place(90, 107)], pm25=points((-60, 9), (60, 1), (120, 2))))
    write(hub, (0, 7), number=2)
    answer = hub.get(ONE + "?format=geojson&pick=pm25")
    assert answer.headers["Content-Type"] == "application/geo+json"
    features = answer.json["features"]
    told = [(f["geometry"]["coordinates"][0], f["properties"]["time"], f["properties"].get("pm25")) for f in features]
    assert told[1:] == [(106.5, iso(0), None), (106.5, iso(60), 1), (107, iso(90), None), (107, iso(120), 2)]
    late = hub.get(f"{ONE}?format=geojson&pick=pm25&timerel=between&timeAt={iso(30)}&endTimeAt={iso(80)}").json["features"]
    assert [(f["geometry"]["coordinates"][0], f["properties"]["pm25"]) for f in late] == [(106.5, 1)]
    both = hub.get(MANY + "?type=Station&format=geojson").json["features"]
    assert both[-1]["geometry"] is None and both[-1]["properties"]["id"] == "urn:ngsi-ld:Station:2"
    near = hub.get(MANY + "?format=geojson&georel=near;maxDistance==1000&geometry=Point&coordinates=[107,29.5]").json["features"]
    assert {f["properties"]["id"] for f in near} == {"urn:ngsi-ld:Station:1"}


def test_nothing_to_export_and_mistakes(hub):
    two(hub)
    for path, status in [(MANY, 400), (MANY + "?type=Nothing", 404), (MANY + "/urn:x:1", 404), (ONE + "?format=xls", 400),
                         (ONE + "?format=ndjson&charset=gb18030", 400), (ONE + "?charset=latin1", 400), (ONE + "?zone=Chongqing", 400),
                         (ONE + "?zone=%2B99:00", 400), (ONE + "?format=geojson&zone=%2B08:00", 400), (ONE + "?lastN=3", 400),
                         (ONE + "?timerel=after", 400), (MANY + "?type=Station&q=a==", 400), (MANY + "/no-uri", 400)]:
        answer = hub.get(path)
        assert answer.status == status and answer.json["detail"], path


def test_deleted_entities_are_exported(hub):
    two(hub)
    hub.delete("/ngsi-ld/v1/entities/urn:ngsi-ld:Station:2")
    assert [r[:2] for r in table(hub.get(MANY + "?type=Station&attrs=no2"))[1:]] == [["urn:ngsi-ld:Station:2", iso(30)]]


def test_too_many_columns_are_refused(hub):
    for number in range(1, 4):
        hub.post("/ngsi-ld/v1/entities", station(number, **{f"a{number}x{i}": {"type": "Property", "value": i} for i in range(250)}))
    assert hub.get(MANY + "?type=Station").status == 403
    assert len(table(hub.get(MANY + "?type=Station&pick=a1x1,a2x2"))) == 3
    assert len(lines(hub.get(MANY + "?type=Station&format=ndjson"))) == 3


def long_history(hub, count=40000):
    for start in range(0, count, 10000):
        write(hub, *[(t, t % 7) for t in range(start, start + 10000)])
        write(hub, *[(t, f"remark of some length {t}") for t in range(start, start + 10000, 2)], name="remark")


def test_long_files_are_whole(hub):
    long_history(hub)
    found = lines(hub.get(ONE + "?format=ndjson"))
    assert len(found) == 40000 and found[39998]["remark"].endswith("39998") and found[-1]["pm25"] == 39999 % 7
    assert len(table(hub.get(ONE + "?charset=gb18030"), "gb18030")) == 40001


def memory(hub):
    with open(f"/proc/{hub.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def threads(hub):
    with open(f"/proc/{hub.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("Threads"))


def ask(hub, path):
    s = socket.create_connection(("127.0.0.1", hub.port))
    s.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    assert s.recv(100).startswith(b"HTTP/1.1 200")
    return s


def test_clients_that_go_away_free_all(hub):
    long_history(hub)
    calm = threads(hub)
    for _ in range(3):
        waiting = [ask(hub, ONE + "?format=ndjson") for _ in range(10)]
        assert threads(hub) >= calm
        for s in waiting:
            s.close()
        wait_for("the exports to end", lambda: threads(hub) <= calm)
    assert len(lines(hub.get(ONE + "?format=ndjson"))) == 40000


def test_only_so_many_at_once(hub):
    long_history(hub, 80000)
    waiting = [ask(hub, ONE + "?format=ndjson") for _ in range(16)]
    refused = hub.get(ONE + "?format=ndjson")
    assert refused.status == 429 and refused.headers["Retry-After"]
    for s in waiting:
        s.close()
    wait_for("room", lambda: hub.get(ONE + "?format=ndjson&pick=remark").status == 200)


def test_a_hub_that_stops_leaves_no_file_that_looks_whole(hub):
    long_history(hub, 80000)
    s = ask(hub, ONE + "?format=ndjson")
    hub.stop()
    received = b""
    while piece := s.recv(1 << 16):
        received += piece
    assert not received.endswith(b"0\r\n\r\n")
