# SPDX-License-Identifier: Apache-2.0
"""What a history holds and how it is shown: each kind of attribute (4.5.7 – 4.5.9), deletions, scopes (4.5.6), Temporal Properties
(4.8), aggregates by kind of value (4.5.19), and the simplified form as input (5.2.20)."""
import pytest

from test_temporal import BASE, iso, points, station, values, write

ONE = BASE + "/urn:ngsi-ld:Station:1"
PAST = "timerel=after&timeAt=2000-01-01T00:00:00Z"
KINDS = {
    "speed": ("Property", "values", "value", [1, 2.5]),
    "place": ("GeoProperty", "values", "value", [{"type": "Point", "coordinates": [1, 2]}, {"type": "Point", "coordinates": [3, 4]}]),
    "says": ("LanguageProperty", "languageMaps", "languageMap", [{"en": "yes", "zh": "是"}, {"en": "no", "zh": "否"}]),
    "period": ("ListProperty", "valueLists", "valueList", [["a", "b"], ["c"]]),
    "ticket": ("JsonProperty", "jsons", "json", [{"x": [1]}, [2, {"y": None}]]),
    "gender": ("VocabProperty", "vocabs", "vocab", ["Male", "Female"]),
    "spouse": ("Relationship", "objects", "object", ["urn:ngsi-ld:P:1", "urn:ngsi-ld:P:2"]),
    "devices": ("Relationship", "objects", "object", [["urn:ngsi-ld:D:1", "urn:ngsi-ld:D:2"], ["urn:ngsi-ld:D:1", "urn:ngsi-ld:D:3"]]),
    "present": ("ListRelationship", "objectLists", "objectList", [["urn:ngsi-ld:P:1"], ["urn:ngsi-ld:P:2", "urn:ngsi-ld:P:3"]]),
}
WRAPPED = {"languageMap", "json", "vocab"}


def simplified():
    return {name: {"type": kind, plural: [[{member: v} if member in WRAPPED else v, iso(60 * i)] for i, v in enumerate(both)]}
            for name, (kind, plural, member, both) in KINDS.items()}


def full():
    return {name: [{"type": kind, member: v, "observedAt": iso(60 * i)} for i, v in enumerate(both)]
            for name, (kind, _, member, both) in KINDS.items()}


@pytest.mark.parametrize("form", [full, simplified])
def test_every_kind_comes_back_in_both_forms(hub, form):
    assert hub.post(BASE, station(**form())).status == 201
    found = hub.get(ONE + "?format=temporalValues").json
    assert {n: found[n] for n in KINDS} == simplified()
    normal = hub.get(ONE).json
    for name, (_, _, member, both) in KINDS.items():
        told = [i[member] for i in normal[name]]
        if member == "objectList":
            told = [[x["object"] for x in one] for one in told]
        assert told == both, name


def test_simplified_input_is_checked(hub):
    for bad in ([[1]], [1], [[1, 2]], [[1, "soon"]], [[1, iso(0), 3]]):
        assert hub.post(BASE, station(t={"type": "Property", "values": bad})).status == 400, bad
    two = [{"type": "Property", "values": [[1, iso(0)], [2, iso(60)]]},
           {"type": "Property", "datasetId": "urn:d:2", "values": [[3, iso(0)]]}]
    assert hub.post(BASE, station(t=two)).status == 201
    assert hub.get(ONE + "?format=temporalValues").json["t"] == two
    assert hub.post(ONE + "/attrs", {"t": {"type": "Property", "values": [[4, iso(120)]]}}).status == 204
    assert hub.entity("urn:ngsi-ld:Station:1")["t"][0]["value"] == 4


def test_a_deleted_attribute_leaves_an_instance_that_says_so(hub):
    write(hub, (0, 1))
    hub.post(ONE + "/attrs", {"on": {"type": "Relationship", "object": "urn:x:1", "observedAt": iso(0)},
                              "says": {"type": "LanguageProperty", "languageMap": {"en": "yes"}, "observedAt": iso(0)}})
    for name in ("pm25", "on", "says"):
        assert hub.delete(f"/ngsi-ld/v1/entities/urn:ngsi-ld:Station:1/attrs/{name}").status == 204
    hub.stop()
    hub.start()
    found = hub.get(ONE).json
    for name, member, null in (("pm25", "value", "urn:ngsi-ld:null"), ("on", "object", "urn:ngsi-ld:null"),
                               ("says", "languageMap", {"@none": "urn:ngsi-ld:null"})):
        first, gone = found[name]
        assert first["observedAt"] == iso(0) and "deletedAt" not in first
        assert gone[member] == null and gone["deletedAt"] > iso(0) and "observedAt" not in gone
    late = hub.get(f"{ONE}?timeproperty=deletedAt&{PAST}").json
    assert [len(late[n]) for n in ("pm25", "on", "says")] == [1, 1, 1] and late["pm25"][0]["value"] == "urn:ngsi-ld:null"
    assert hub.get(f"{ONE}?timeproperty=deletedAt&timerel=before&timeAt={iso(0)}").json.keys() == {"id", "type"}
    assert values(hub, f"&{PAST}") == [[1, iso(0)]]
    assert hub.get(ONE + "?format=aggregatedValues&aggrMethods=totalCount&pick=pm25").json["pm25"]["totalCount"][0][0] == 1


def test_a_deleted_entity_ends_all_its_attributes(hub):
    hub.post(BASE, station(t=points((0, 1)) + points((0, 2), datasetId="urn:d:2")))
    write(hub, (0, 1))
    hub.delete("/ngsi-ld/v1/entities/urn:ngsi-ld:Station:1/attrs/pm25")
    hub.delete("/ngsi-ld/v1/entities/urn:ngsi-ld:Station:1")
    found = hub.get(ONE).json
    assert sorted(((i.get("datasetId", ""), i["value"]) for i in found["t"]), key=str) == [
        ("", "urn:ngsi-ld:null"), ("", 1), ("urn:d:2", "urn:ngsi-ld:null"), ("urn:d:2", 2)]
    assert [i["value"] for i in found["pm25"]] == [1, "urn:ngsi-ld:null"]
    query = f"{BASE}?type=Station&timeproperty=deletedAt&{PAST}"
    assert [e["id"] for e in hub.get(query).json] == ["urn:ngsi-ld:Station:1"]


def test_replaced_attributes_end_too(hub):
    hub.post("/ngsi-ld/v1/entities", station(a={"type": "Property", "value": 1}, b={"type": "Property", "value": 1}))
    hub.put("/ngsi-ld/v1/entities/urn:ngsi-ld:Station:1", station(a={"type": "Property", "value": 2}))
    found = hub.get(ONE).json
    assert [i["value"] for i in found["a"]] == [1, 2] and [i["value"] for i in found["b"]] == [1, "urn:ngsi-ld:null"]


def test_times_of_change_find_what_was_not_observed(hub):
    hub.post("/ngsi-ld/v1/entities", station(name={"type": "Property", "value": "大坪"}))
    write(hub, (0, 1))
    for name in ("createdAt", "modifiedAt"):
        found = hub.get(f"{ONE}?timeproperty={name}&{PAST}").json
        assert found["name"][0]["value"] == "大坪" and name in found["name"][0] and "pm25" not in found
    times = hub.get(ONE + "?options=sysAttrs").json
    assert {"createdAt", "modifiedAt"} <= times.keys() and {"createdAt", "modifiedAt"} <= times["name"][0].keys()
    assert not {"createdAt", "modifiedAt"} & hub.get(ONE).json.keys()


def test_scopes_have_a_history(hub):
    update = lambda **members: hub.post("/ngsi-ld/v1/entityOperations/update", [station(**members)])
    hub.post(BASE, station(scope="/渝中区", pm25=points((0, 1))))
    assert hub.get(ONE).json["scope"] == "/渝中区"
    update(scope="/大渡口区")
    update(scope=["/a", "/b"])
    hub.stop()
    hub.start()
    found = hub.get(ONE).json["scope"]
    assert [i["value"] for i in found] == ["/渝中区", "/大渡口区", ["/a", "/b"]]
    assert all(i["type"] == "Property" and i["observedAt"] for i in found)
    assert [v for v, _ in hub.get(ONE + "?format=temporalValues").json["scope"]["values"]] == ["/渝中区", "/大渡口区", ["/a", "/b"]]
    assert hub.entity("urn:ngsi-ld:Station:1")["scope"] == ["/a", "/b"]
    ever = f"{BASE}?type=Station&{PAST}&scopeQ="
    assert len(hub.get(ever + "/渝中区").json) == 1 and len(hub.get(ever + "/b").json) == 1 and hub.get(ever + "/c").json == []
    write(hub, (10**9, 2))  # the range begins after the last change: what counts is what holds then
    later = f"{BASE}?type=Station&timerel=after&timeAt={iso(10**9)}&scopeQ="
    assert len(hub.get(later + "/a").json) == 1 and hub.get(later + "/渝中区").json == []


AGGREGATES = [
    # values; method → result of the whole range, None = not applicable (tables 4.5.19.1-1 to -3)
    ([3, 1, 2], {"avg": 2, "distinctCount": 3, "max": 3, "min": 1, "stddev": (2 / 3) ** 0.5, "sum": 6, "sumsq": 14, "totalCount": 3}),
    (["b", "a", "b"], {"avg": None, "distinctCount": 2, "max": "b", "min": "a", "stddev": None, "sum": None, "sumsq": None, "totalCount": 3}),
    ([True, False, True], {"avg": 2 / 3, "distinctCount": 2, "max": 1, "min": 0, "sum": 2, "sumsq": 2, "stddev": (2 / 9) ** 0.5, "totalCount": 3}),
    ([{"x": 1}, {"x": 2}], {"avg": None, "distinctCount": 2, "max": None, "min": None, "sum": None, "sumsq": None, "stddev": None, "totalCount": 2}),
    ([[1, 2, 3], [1]], {"avg": 2, "distinctCount": 2, "max": 3, "min": 1, "sum": 4, "sumsq": None, "stddev": None, "totalCount": 2}),
    ([{"@type": "DateTime", "@value": v} for v in ("2026-03-02T00:00:00+08:00", "2026-03-01T20:00:00Z")],
     {"avg": None, "distinctCount": 2, "max": "2026-03-01T20:00:00Z", "min": "2026-03-01T16:00:00Z", "sum": None, "totalCount": 2}),
    ([{"@type": "Date", "@value": v} for v in ("2026-03-02", "2026-03-01")], {"avg": None, "max": "2026-03-02", "min": "2026-03-01", "sum": None}),
    ([{"@type": "Time", "@value": v} for v in ("08:00:00Z", "09:00:00Z")],
     {"avg": "08:30:00Z", "max": "09:00:00Z", "min": "08:00:00Z", "sum": None, "stddev": None, "totalCount": 2}),
    ([{"@type": "URI", "@value": v} for v in ("urn:a:1", "urn:a:2")], {"avg": None, "max": None, "min": None, "distinctCount": 2, "totalCount": 2}),
]


@pytest.mark.parametrize("given,expected", AGGREGATES)
def test_aggregates_by_the_kind_of_value(hub, given, expected):
    write(hub, *[(60 * i, v) for i, v in enumerate(given)], name="t")
    for method, wanted in expected.items():
        answer = hub.get(f"{ONE}?format=aggregatedValues&aggrPeriodDuration=PT0S&pick=t&aggrMethods={method}")
        if wanted is None:
            assert answer.status == 400 and answer.json["type"].endswith("InvalidRequest"), method
        else:
            value, start, end = answer.json["t"][method][0]
            assert (value == pytest.approx(wanted) if isinstance(wanted, float) else value == wanted), method
            assert (start, end) == (iso(0), iso(60 * (len(given) - 1)))


def test_relationships_are_counted_only(hub):
    hub.post(BASE, station(on=[{"type": "Relationship", "object": f"urn:x:{i % 2}", "observedAt": iso(60 * i)} for i in range(3)]))
    found = hub.get(ONE + "?format=aggregatedValues&aggrMethods=totalCount,distinctCount,max").json["on"]
    assert found == {"type": "Relationship", "totalCount": [[3, iso(0), iso(120)]], "distinctCount": [[2, iso(0), iso(120)]]}
    assert hub.get(ONE + "?format=aggregatedValues&aggrMethods=min&pick=on").status == 400


@pytest.mark.parametrize("period,starts", [
    ("PT1H", [0, 3600, 86400]), ("P1D", [0, 86400]), ("P1W", [0]), ("P0D", [0]), ("PT1H30M", [0, 86400]), ("P1M", [0]), ("P1Y", [0])])
def test_periods_count_from_the_start_of_the_range(hub, period, starts):
    write(hub, (0, 1), (3600, 2), (86400, 3))
    base = f"{ONE}?format=aggregatedValues&pick=pm25&aggrPeriodDuration={period}&timerel=between&timeAt={iso(0)}&endTimeAt={iso(40 * 86400)}"
    for method in ("sum", "sum,distinctCount"):  # from statistics, and from the points
        found = hub.get(f"{base}&aggrMethods={method}").json["pm25"]["sum"]
        assert [start for _, start, _ in found] == [iso(s) for s in starts] and sum(v for v, _, _ in found) == 6, method


def test_months_begin_on_the_same_day(hub):
    day = 86400
    write(hub, (30 * day, 1), (58 * day, 2), (60 * day, 3), (62 * day, 4))  # 31 March, 28 April, 30 April, 2 May
    base = f"{ONE}?format=aggregatedValues&pick=pm25&aggrPeriodDuration=P1M&timerel=after&timeAt=2026-03-31T00:00:00Z&aggrMethods="
    wanted = [[3, "2026-03-31T00:00:00Z", "2026-04-30T00:00:00Z"], [7, "2026-04-30T00:00:00Z", "2026-05-31T00:00:00Z"]]
    assert hub.get(base + "sum").json["pm25"]["sum"] == wanted
    assert hub.get(base + "sum,stddev").json["pm25"]["sum"] == wanted


def test_too_many_aggregated_values_are_refused(hub):
    write(hub, *[(t, t) for t in range(1, 9000)])
    write(hub, (400000, 1))
    many = "&".join(["format=aggregatedValues", "aggrMethods=avg,min,max,sum,totalCount,sumsq,stddev,distinctCount,avg", "aggrPeriodDuration=PT0.5S"])
    assert hub.get(f"{ONE}?{many}").status in (200, 403)
    assert hub.get(f"{BASE}?type=Station&{PAST}&{many}&limit=1").status in (200, 403)
    for bad in ("P1X", "1H", "PT", "P", "P1DT", "-P1D", ""):
        assert hub.get(f"{ONE}?format=aggregatedValues&aggrMethods=avg&aggrPeriodDuration={bad}").status == 400, bad


def test_upsert_tells_new_from_known(hub):
    assert write(hub, (0, 1)).status == 201
    assert write(hub, (60, 1)).status == 204
    hub.delete("/ngsi-ld/v1/entities/urn:ngsi-ld:Station:1")
    assert write(hub, (120, 1)).status == 204
    assert [v for v, _ in values(hub, f"&{PAST}")] == [1, 1, 1]
    hub.delete("/ngsi-ld/v1/entities/urn:ngsi-ld:Station:1")
    hub.delete(ONE)
    answer = write(hub, (0, 1))
    assert answer.status == 201 and answer.headers["Location"] == "/ngsi-ld/v1/temporal/entities/urn:ngsi-ld:Station:1"
    assert hub.post(BASE + "/urn:ngsi-ld:Station:9/attrs", {"a": points((0, 1))}).status == 404
    assert hub.post(BASE, {**station(pm25=points((180, 2))), "type": ["Station", "Other"]}).status == 204
    assert hub.get(ONE).json["type"] == ["Station", "Other"]


def test_sub_attributes_and_value_types_are_kept(hub):
    def reading(v, t, **more):
        return {"type": "Property", "value": v, "observedAt": iso(t), **more}
    accuracy = {"type": "Property", "value": 0.5}
    by = {"type": "Relationship", "object": "urn:ngsi-ld:Sensor:1"}
    given = {"pm25": [reading(1.5, 0, accuracy=accuracy, by=by), reading(2, 60), reading(-3, 120, accuracy=accuracy)],
             "seen": [reading("2026-03-01T01:00:00Z", 0, valueType="DateTime"), reading("2026-03-01T00:00:00Z", 60, valueType="DateTime")]}
    hub.post(BASE, station(**given))
    for _ in range(2):
        found = hub.get(ONE).json
        assert [{k: v for k, v in i.items() if k != "instanceId"} for n in given for i in found[n]] == [i for n in given for i in given[n]]
        for methods in ("sum,min", "sum,min,stddev"):
            whole = hub.get(f"{ONE}?format=aggregatedValues&pick=pm25&aggrMethods={methods}").json["pm25"]
            assert (whole["sum"][0][0], whole["min"][0][0]) == (0.5, -3)
        hub.stop()
        hub.start()
    assert hub.get(f"{ONE}?format=aggregatedValues&pick=seen&aggrMethods=max").json["seen"]["max"][0][0] == "2026-03-01T01:00:00Z"
    assert hub.get(f"{ONE}?format=aggregatedValues&pick=seen&aggrMethods=avg").status == 400
    query = f"{BASE}?type=Station&{PAST}&q=pm25.accuracy"
    assert len(hub.get(query + "==0.5").json) == 1 and hub.get(query + "==0.7").json == []
    assert values(hub) == [[1.5, iso(0)], [2, iso(60)], [-3, iso(120)]]
    write(hub, (0, 9))
    assert hub.get(ONE).json["pm25"][0].keys() == {"type", "value", "observedAt", "instanceId"}
