# SPDX-License-Identifier: Apache-2.0
"""Histories over HTTP: formats, ranges, aggregation against sums done here, paging, CSV, late values."""
import csv
import datetime
import io
import math
import random
import statistics

BASE = "/ngsi-ld/v1/temporal/entities"
T0 = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)


def iso(seconds):
    return (T0 + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def station(number=1, **attributes):
    return {"id": f"urn:ngsi-ld:Station:{number}", "type": "Station", **attributes}


def points(*pairs, **more):
    return [{"type": "Property", "value": v, "observedAt": iso(t), **more} for t, v in pairs]


def write(hub, *pairs, number=1, name="pm25", **more):
    answer = hub.post(BASE, station(number, **{name: points(*pairs, **more)}))
    assert answer.status in (201, 204), answer
    return answer


def values(hub, query="", number=1, name="pm25"):
    answer = hub.get(f"{BASE}/urn:ngsi-ld:Station:{number}?format=temporalValues{query}")
    assert answer.status == 200, answer
    return answer.json.get(name, {}).get("values", [])


def test_what_was_written_comes_back_in_every_format(hub):
    assert write(hub, (0, 1), (60, 2.5), (120, 3), unitCode="GQ").status == 201
    assert write(hub, (180, 4)).status == 204
    assert values(hub) == [[1, iso(0)], [2.5, iso(60)], [3, iso(120)], [4, iso(180)]]
    full = hub.get(BASE + "/urn:ngsi-ld:Station:1").json
    assert full["type"] == "Station"
    assert full["pm25"][1]["value"] == 2.5 and full["pm25"][1]["observedAt"] == iso(60)
    assert hub.entity("urn:ngsi-ld:Station:1")["pm25"]["value"] == 4


def test_ordinary_updates_become_history(hub):
    for t, v in [(0, 1), (60, 2), (30, 1.5)]:
        body = station(pm25={"type": "Property", "value": v, "observedAt": iso(t)})
        assert hub.post("/ngsi-ld/v1/entityOperations/upsert?options=update", [body]).status in (201, 204)
    assert [v for v, _ in values(hub)] == [1, 1.5, 2]


def test_ranges_have_their_borders(hub):
    write(hub, *[(t, t) for t in range(0, 50, 10)])
    at = f"&timeAt={iso(10)}"
    assert [v for v, _ in values(hub, "&timerel=before" + at)] == [0]
    assert [v for v, _ in values(hub, "&timerel=after" + at)] == [10, 20, 30, 40]
    assert [v for v, _ in values(hub, f"&timerel=between{at}&endTimeAt={iso(30)}")] == [10, 20]
    assert [v for v, _ in values(hub, "&lastN=2")] == [30, 40]
    assert [v for v, _ in values(hub, f"&lastN=2&timerel=before&timeAt={iso(40)}")] == [20, 30]
    assert values(hub, f"&timerel=after&timeAt={iso(41)}") == []


def test_what_is_not_observed_goes_by_its_change(hub):
    hub.post("/ngsi-ld/v1/entities", station(name={"type": "Property", "value": "大坪"}))
    full = hub.get(BASE + "/urn:ngsi-ld:Station:1").json
    assert full["name"][0]["value"] == "大坪" and "modifiedAt" in full["name"][0]
    query = "?timerel=after&timeAt=2020-01-01T00:00:00Z"
    assert "name" not in hub.get(BASE + "/urn:ngsi-ld:Station:1" + query).json
    assert "name" in hub.get(BASE + "/urn:ngsi-ld:Station:1" + query + "&timeproperty=modifiedAt").json


def test_aggregates_agree_with_sums_done_here(hub):
    source = random.Random(4)
    series = sorted({source.randrange(86400): round(source.uniform(-50, 500), 1) for _ in range(3000)}.items())
    write(hub, *series)
    hub.stop()
    hub.start()
    methods = "totalCount,distinctCount,sum,avg,min,max,stddev,sumsq"
    answer = hub.get(f"{BASE}/urn:ngsi-ld:Station:1?format=aggregatedValues&aggrMethods={methods}"
                     f"&aggrPeriodDuration=PT1H&timerel=between&timeAt={iso(0)}&endTimeAt={iso(86400)}")
    found = answer.json["pm25"]
    for hour in range(24):
        here = [v for t, v in series if t // 3600 == hour]
        expected = {"totalCount": len(here), "distinctCount": len(set(here)), "sum": math.fsum(here),
                    "avg": math.fsum(here) / len(here), "min": min(here), "max": max(here),
                    "stddev": statistics.pstdev(here), "sumsq": math.fsum(v * v for v in here)}
        for method, value in expected.items():
            got, start, end = found[method][hour]
            assert (start, end) == (iso(hour * 3600), iso(hour * 3600 + 3600))
            assert math.isclose(got, value, rel_tol=1e-12), (method, hour)


def test_aggregates_of_the_whole_range_and_of_months(hub):
    write(hub, (0, 1), (40 * 86400, 3))
    base = f"{BASE}/urn:ngsi-ld:Station:1?options=aggregatedValues&aggrMethods=avg"
    assert hub.get(base).json["pm25"]["avg"] == [[2, iso(0), iso(40 * 86400)]]
    months = hub.get(base + "&aggrPeriodDuration=P1M").json["pm25"]["avg"]
    assert [[v, start] for v, start, _ in months] == [[1, "2026-02-28T16:00:00Z"], [3, "2026-03-31T16:00:00Z"]]


def test_a_text_has_no_average(hub):
    write(hub, (0, "a"), (1, "b"), name="state")
    base = f"{BASE}/urn:ngsi-ld:Station:1?format=aggregatedValues&aggrMethods="
    assert hub.get(base + "max,avg").json["state"] == {"type": "Property", "max": [["b", iso(0), iso(1)]]}
    assert hub.get(base + "avg&pick=state").status == 400


def test_queries_find_by_what_was(hub):
    for number in range(1, 6):
        write(hub, (0, number * 10), (60, 1), number=number)
    write(hub, (9000, 50), number=9)
    base = f"{BASE}?type=Station&timerel=before&timeAt={iso(3600)}"
    ids = lambda q: [e["id"].rsplit(":", 1)[1] for e in hub.get(base + q).json]
    assert ids("") == ["1", "2", "3", "4", "5"]
    assert ids("&q=pm25>=40") == ["4", "5"]
    assert ids("&q=pm25==50&timeproperty=observedAt") == ["5"]
    assert ids("&id=urn:ngsi-ld:Station:2,urn:ngsi-ld:Station:9") == ["2"]
    assert ids("&idPattern=[12]$") == ["1", "2"]
    page = hub.get(base + "&limit=2&offset=2&count=true")
    assert [e["id"][-1] for e in page.json] == ["3", "4"]
    assert page.headers["NGSILD-Results-Count"] == "5"
    assert 'rel="next"' in page.headers["Link"] and 'rel="prev"' in page.headers["Link"]
    simple = hub.get(base + "&q=pm25==50&format=temporalValues&pick=id,pm25").json
    assert simple == [{"id": "urn:ngsi-ld:Station:5", "pm25": {"type": "Property", "values": [[50, iso(0)], [1, iso(60)]]}}]


def test_places_in_the_past_are_found(hub):
    def place(t, lon):
        return {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [lon, 29.5]}, "observedAt": iso(t)}
    hub.post(BASE, station(location=[place(0, 106.5), place(3600, 107.5)]))
    base = f"{BASE}?type=Station&georel=near;maxDistance==1000&geometry=Point&coordinates=[106.5,29.5]&timerel="
    assert len(hub.get(base + f"before&timeAt={iso(60)}").json) == 1
    assert hub.get(base + f"after&timeAt={iso(60)}").json == []


def test_too_many_points_come_in_parts(hub):
    for start in range(0, 120000, 10000):
        write(hub, *[(t, t) for t in range(start, start + 10000)])
    collected, after = {}, iso(0)
    for _ in range(10):
        answer = hub.get(f"{BASE}/urn:ngsi-ld:Station:1?format=temporalValues&timerel=after&timeAt={after}")
        collected.update({t: v for v, t in answer.json["pm25"]["values"]})
        if answer.status == 200:
            break
        assert answer.status == 206
        first, last = answer.headers["Content-Range"].removeprefix("DateTime ").removesuffix("/*").split("Z-")
        assert first + "Z" == after
        after = last
    assert len(collected) == 120000


def test_csv_is_one_row_a_moment(hub):
    write(hub, (0, 1), (60, 2))
    write(hub, (60, "=1+1"), (120, 'a "b", c'), name="remark")
    answer = hub.get(BASE + "/urn:ngsi-ld:Station:1", headers={"Accept": "text/csv"})
    assert answer.status == 200 and answer.body.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(answer.body.decode("utf-8-sig"))))
    assert rows == [["time", "pm25", "remark"], [iso(0), "1", ""], [iso(60), "2", "'=1+1"], [iso(120), "", 'a "b", c']]


def test_long_csv_is_complete(hub):
    for start in range(0, 60000, 10000):
        write(hub, *[(t, t % 7) for t in range(start, start + 10000)])
    answer = hub.get(BASE + "/urn:ngsi-ld:Station:1?pick=pm25", headers={"Accept": "text/csv"})
    lines = answer.body.decode("utf-8-sig").splitlines()
    assert len(lines) == 60001 and lines[-1] == f"{iso(59999)},{59999 % 7}"


def test_deleting_histories(hub):
    write(hub, (0, 1))
    write(hub, (0, 2), name="no2")
    assert hub.delete(BASE + "/urn:ngsi-ld:Station:1/attrs/no2").status == 204
    assert hub.delete(BASE + "/urn:ngsi-ld:Station:1/attrs/no2").status == 404
    assert values(hub) == [[1, iso(0)]] and values(hub, name="no2") == []
    assert hub.delete(BASE + "/urn:ngsi-ld:Station:1").status == 204
    assert hub.get(BASE + "/urn:ngsi-ld:Station:1").status == 404
    assert hub.entity("urn:ngsi-ld:Station:1")["pm25"]["value"] == 1
    assert hub.delete(BASE + "/urn:ngsi-ld:Station:2").status == 404


def test_datasets_and_languages(hub):
    hub.post(BASE, station(name={"type": "LanguageProperty", "languageMap": {"zh": "大坪", "en": "Daping"}},
                           t=points((0, 1)) + points((0, 2), datasetId="urn:d:2")))
    full = hub.get(f"{BASE}/urn:ngsi-ld:Station:1?format=temporalValues").json
    assert {x.get("datasetId"): x["values"][0][0] for x in full["t"]} == {None: 1, "urn:d:2": 2}
    assert full["name"]["languageMaps"][0][0] == {"languageMap": {"zh": "大坪", "en": "Daping"}}
    one = hub.get(f"{BASE}/urn:ngsi-ld:Station:1?format=temporalValues&lang=en&datasetId=@none").json
    assert one["name"]["values"][0][0] == "Daping" and one["t"]["values"] == [[1, iso(0)]]


def test_mistakes_are_named(hub):
    write(hub, (0, 1))
    one = BASE + "/urn:ngsi-ld:Station:1"
    for path in [one + "?timerel=after", one + "?timerel=sometimes&timeAt=" + iso(0), one + "?timeAt=" + iso(0),
                 one + "?timerel=after&timeAt=yesterday", one + "?timerel=between&timeAt=" + iso(0),
                 one + f"?timerel=between&timeAt={iso(9)}&endTimeAt={iso(1)}", one + "?lastN=0", one + "?lastN=x",
                 one + "?format=aggregatedValues", one + "?format=aggregatedValues&aggrMethods=median",
                 one + "?format=aggregatedValues&aggrMethods=avg&aggrPeriodDuration=soon", one + "?aggrMethods=avg",
                 one + "?format=geojson", one + "?unknown=1", one + "?timeproperty=someAt", BASE + "?type=Station",
                 BASE + "?timerel=after&timeAt=" + iso(0), BASE + f"?type=Station&timerel=after&timeAt={iso(0)}&q=a=="]:
        answer = hub.get(path)
        assert answer.status == 400, path
        assert answer.json["detail"], path
    assert hub.get(BASE + "/urn:ngsi-ld:Station:404").status == 404
    assert hub.post(BASE, station(a=[{"type": "Property", "value": 1}, {"type": "Property", "value": 2}])).status == 400
