# SPDX-License-Identifier: Apache-2.0
"""Histories over several context sources (5.7.3, 5.7.4)."""
from sources import NGSI, Source, register, warnings

HISTORY = NGSI + "/temporal/entities"
RANGE = "timerel=after&timeAt=2026-01-01T00:00:00Z"
OFFER = {"operations": ["retrieveTemporal", "queryTemporal"],
         "observationInterval": {"startAt": "2020-01-01T00:00:00Z"}}


def history(hub, number, **points):
    """points: attribute = [(day, value), …]"""
    body = {"id": f"urn:ngsi-ld:Room:{number}", "type": "Room", **{
        name: [{"type": "Property", "value": value, "observedAt": f"2026-03-{day:02}T00:00:00Z"} for day, value in pairs]
        for name, pairs in points.items()}}
    assert hub.post(HISTORY, body).status in (201, 204)


def values(entity, name):
    return [(p[1][8:10], p[0]) for p in entity[name]["values"]]


def test_joined(make_hub):
    a, b = make_hub(), make_hub()
    history(a, 1, t=[(1, 10), (3, 30)])
    history(b, 1, t=[(2, 20), (3, 99)], u=[(1, 1)])
    history(b, 2, t=[(5, 50)])
    register(a, b.url, {"entities": [{"type": "Room"}]}, **OFFER)
    one = a.get(f"{HISTORY}/urn:ngsi-ld:Room:1?format=temporalValues").json
    assert values(one, "t") == [("01", 10), ("02", 20), ("03", 30)] and values(one, "u") == [("01", 1)]
    one = a.get(f"{HISTORY}/urn:ngsi-ld:Room:1").json
    assert [i["value"] for i in one["t"]] == [10, 20, 30]
    one = a.get(f"{HISTORY}/urn:ngsi-ld:Room:1?format=temporalValues&lastN=2").json
    assert values(one, "t") == [("02", 20), ("03", 30)]
    assert a.get(f"{HISTORY}/urn:ngsi-ld:Room:2?format=temporalValues").json["t"]["values"][0][0] == 50
    many = a.get(f"{HISTORY}?type=Room&{RANGE}&format=temporalValues&count=true&limit=1&offset=1")
    assert [e["id"] for e in many.json] == ["urn:ngsi-ld:Room:2"] and many.headers["NGSILD-Results-Count"] == "2"
    assert [e["id"] for e in a.get(f"{HISTORY}?type=Room&{RANGE}&local=true").json] == ["urn:ngsi-ld:Room:1"]
    assert a.get(f"{HISTORY}/urn:ngsi-ld:Room:3").status == 404


def test_only_those_that_offer_it(make_hub):
    """Without an interval, or without the operation, a registration is about the present only."""
    a = make_hub()
    history(a, 1, t=[(1, 10)])
    source = Source(lambda *args: (200, []))
    register(a, source.url, {"entities": [{"type": "Room"}]})
    register(a, source.url, {"entities": [{"type": "Room"}]}, operations=["queryTemporal"],
             observationInterval={"startAt": "2020-01-01T00:00:00Z", "endAt": "2021-01-01T00:00:00Z"})
    assert a.get(f"{HISTORY}?type=Room&{RANGE}").status == 200 and source.requests == []
    source.stop()


def test_a_bad_source_is_a_warning(make_hub):
    a = make_hub()
    history(a, 1, t=[(1, 10)])
    source = Source(lambda *args: (500, {}))
    register(a, source.url, {"entities": [{"type": "Room"}]}, **OFFER)
    answer = a.get(f"{HISTORY}?type=Room&{RANGE}")
    assert len(answer.json) == 1 and warnings(answer) == [299]
    source.stop()
