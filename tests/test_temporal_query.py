# SPDX-License-Identifier: Apache-2.0
"""Querying histories (5.7.4, 6.18.3.2, 6.24): which entities, by parameters and by a body; the deleted ones; order."""
from test_temporal import BASE, iso, points, station, write

QUERY = "/ngsi-ld/v1/temporal/entityOperations/query"
RANGE = f"timerel=between&timeAt={iso(0)}&endTimeAt={iso(3600)}"
TEMPORAL_Q = {"timerel": "between", "timeAt": iso(0), "endTimeAt": iso(3600)}


def ids(answer):
    assert answer.status == 200, answer
    return [e["id"].rsplit(":", 1)[1] for e in answer.json]


def by_body(hub, parameters="", **members):
    return hub.post(QUERY + parameters, {"type": "Query", "temporalQ": TEMPORAL_Q, **members})


def three(hub):
    for number in (2, 1, 3):
        write(hub, (0, number * 10), (60, 1), number=number)


def test_a_body_asks_what_parameters_ask(hub):
    three(hub)
    write(hub, (9000, 50), number=9)
    assert ids(by_body(hub, entities=[{"type": "Station"}])) == ["2", "1", "3"]
    assert ids(by_body(hub, entities=[{"type": "Station"}], q="pm25>=20")) == ["2", "3"]
    assert ids(by_body(hub, entities=[{"type": "Station", "id": "urn:ngsi-ld:Station:3"}])) == ["3"]
    assert ids(by_body(hub, attrs=["pm25"])) == ["2", "1", "3"]
    assert ids(by_body(hub, attrs=["no2"])) == []
    page = by_body(hub, "?limit=1&offset=1&count=true", entities=[{"type": "Station"}])
    assert ids(page) == ["1"] and page.headers["NGSILD-Results-Count"] == "3"
    simple = by_body(hub, "?format=temporalValues", q="pm25==30", pick=["id", "pm25"]).json
    assert simple == [{"id": "urn:ngsi-ld:Station:3", "pm25": {"type": "Property", "values": [[30, iso(0)], [1, iso(60)]]}}]


def test_a_body_asks_for_aggregates_and_the_last(hub):
    three(hub)
    last = hub.post(QUERY + "?options=temporalValues", {"type": "Query", "entities": [{"type": "Station"}],
                                                        "temporalQ": {**TEMPORAL_Q, "lastN": 1}})
    assert [e["pm25"]["values"] for e in last.json] == [[[1, iso(60)]]] * 3
    for place in ({"aggrParams": {"aggrMethods": "max", "aggrPeriodDuration": "PT0S"}},
                  {"temporalQ": {**TEMPORAL_Q, "aggrMethods": "max"}}):
        answer = by_body(hub, "?format=aggregatedValues", entities=[{"type": "Station"}], **place)
        assert [e["pm25"]["max"] for e in answer.json] == [[[n, iso(0), iso(3600)]] for n in (20, 10, 30)]


def test_mistakes_in_a_body_are_named(hub):
    three(hub)
    station_type = [{"type": "Station"}]
    for members in [{"entities": station_type, "temporalQ": {}}, {"entities": station_type, "temporalQ": None},
                    {"entities": station_type, "temporalQ": {**TEMPORAL_Q, "lastN": 0}},
                    {"entities": station_type, "temporalQ": {**TEMPORAL_Q, "lastN": "2"}},
                    {"entities": station_type, "temporalQ": {**TEMPORAL_Q, "timerel": 1}},
                    {"entities": station_type, "q": "a=="}, {"entities": station_type, "q": "rel{Station:a}==1"},
                    {"entities": station_type, "join": "inline"}, {"entities": station_type, "pick": ["rel{a}"]},
                    {"entities": [{"id": "urn:ngsi-ld:Station:1"}]}, {"entities": []}, {}]:
        answer = by_body(hub, **members)
        assert answer.status == 400 and answer.json["detail"], members
    assert hub.post(QUERY, {"type": "Other"}).status == 400
    assert hub.post(QUERY, b"{", headers={"Content-Type": "application/json"}).status == 400


def test_too_wide_queries_are_refused(hub):
    three(hub)
    for query in ("", "&id=urn:ngsi-ld:Station:1", "&idPattern=.*", "&pick=pm25"):
        assert hub.get(f"{BASE}?{RANGE}{query}").status == 400, query
    for query in ("&type=Station", "&type=*", "&attrs=pm25", "&q=pm25", "&local=true",
                  "&georel=near;maxDistance==10&geometry=Point&coordinates=[1,1]"):
        assert hub.get(f"{BASE}?{RANGE}{query}").status == 200, query


def test_ids_put_the_answer_in_order(hub):
    three(hub)
    base = f"{BASE}?type=Station&{RANGE}&local=true&orderBy="
    assert ids(hub.get(base + "id")) == ["1", "2", "3"]
    assert ids(hub.get(base + "id;desc")) == ["3", "2", "1"]
    assert ids(hub.get(base + "id;desc&limit=1&offset=1")) == ["2"]
    assert ids(hub.get(base + "id&collation=zh-u-co-pinyin")) == ["1", "2", "3"]
    assert hub.get(base + "id&collation=no-such-order-at-all").status == 400
    assert hub.get(base + "pm25").status == 400
    assert hub.get(f"{BASE}?type=Station&{RANGE}&orderBy=id").status == 400


def test_what_filters_see_is_inside_the_range(hub):
    write(hub, (0, 1), (7200, 99))
    assert ids(hub.get(f"{BASE}?type=Station&{RANGE}&q=pm25==99")) == []
    assert ids(hub.get(f"{BASE}?type=Station&{RANGE}&q=pm25==1&lastN=1")) == ["1"]
    assert ids(hub.get(f"{BASE}?type=Station&timerel=after&timeAt={iso(0)}&q=pm25==1&lastN=1")) == ["1"]


def test_deleted_entities_keep_their_history(hub):
    three(hub)
    hub.post("/ngsi-ld/v1/entityOperations/update", [{"id": "urn:ngsi-ld:Station:2", "type": "Station", "scope": "/a"}])
    assert hub.delete("/ngsi-ld/v1/entities/urn:ngsi-ld:Station:2").status == 204
    hub.stop()
    hub.start()
    assert hub.get("/ngsi-ld/v1/entities/urn:ngsi-ld:Station:2").status == 404
    assert ids(hub.get(f"{BASE}?type=Station&{RANGE}")) == ["1", "3", "2"]
    assert ids(hub.get(f"{BASE}?type=Other&{RANGE}")) == []
    assert ids(hub.get(f"{BASE}?type=Station&{RANGE}&q=pm25==20")) == ["2"]
    one = hub.get(BASE + "/urn:ngsi-ld:Station:2?options=sysAttrs").json
    assert one["type"] == "Station" and one["scope"][0]["value"] == "/a" and one["deletedAt"].startswith("20")
    assert [i["value"] for i in one["pm25"] if "observedAt" in i] == [20, 1]
    assert "deletedAt" not in hub.get(BASE + "/urn:ngsi-ld:Station:2").json
    assert hub.delete(BASE + "/urn:ngsi-ld:Station:2").status == 204
    assert hub.get(BASE + "/urn:ngsi-ld:Station:2").status == 404
    assert ids(hub.get(f"{BASE}?type=Station&{RANGE}")) == ["1", "3"]


def test_an_entity_that_came_back_is_found_once(hub):
    three(hub)
    hub.delete("/ngsi-ld/v1/entities/urn:ngsi-ld:Station:2")
    hub.post(BASE, station(2, pm25=points((120, 5))))
    assert sorted(ids(hub.get(f"{BASE}?type=Station&{RANGE}"))) == ["1", "2", "3"]


def test_many_points_of_many_entities_come_in_parts(hub):
    """Every point comes once, though one series is much longer than the others."""
    for start in range(0, 120000, 10000):
        write(hub, *[(t, t) for t in range(start, start + 10000)])
        write(hub, *[(t, -t) for t in range(start, start + 10000, 100)], name="no2")
    write(hub, *[(t, t) for t in range(0, 120000, 500)], number=2)
    seen, after = set(), iso(0)
    for _ in range(10):
        answer = hub.get(f"{BASE}?type=Station&format=temporalValues&timerel=after&timeAt={after}")
        for e in answer.json:
            seen |= {(e["id"][-1], name, t) for name in ("pm25", "no2") for _, t in e.get(name, {}).get("values", [])}
        if answer.status == 200:
            break
        assert answer.status == 206
        after = answer.headers["Content-Range"].removeprefix("DateTime ").removesuffix("/*").split("Z-")[1]
    assert len(seen) == 120000 + 1200 + 240


def test_the_last_come_in_parts_from_the_newest_back(hub):
    for start in range(0, 60000, 10000):
        write(hub, *[(t, t) for t in range(start, start + 10000)])
        write(hub, *[(t, -t) for t in range(start, start + 10000)], name="no2")
    one = BASE + "/urn:ngsi-ld:Station:1?format=temporalValues&lastN=60000"
    for query, start in (("", iso(59999)), (f"&timerel=before&timeAt={iso(70000)}", iso(70000)),
                         (f"&timerel=between&timeAt={iso(0)}&endTimeAt={iso(80000)}", iso(80000)),
                         (f"&timerel=after&timeAt={iso(0)}", iso(59999))):
        answer = hub.get(one + query)
        assert answer.status == 206, query
        found = answer.json["pm25"]["values"]
        assert found[-1] == [59999, iso(59999)] and len(found) == len(answer.json["no2"]["values"]) == 50000
        assert answer.headers["Content-Range"] == f"DateTime {start}-{found[0][1]}/60000", query
