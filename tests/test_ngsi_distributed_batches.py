# SPDX-License-Identifier: Apache-2.0
"""Batch operations over several context sources (5.6.7 – 5.6.10, 5.6.20)."""
import json

import pytest

from sources import NGSI, Source, create, entity, register

BATCH = NGSI + "/entityOperations/"
SINGLE = ["redirectionOps"]
TOGETHER = ["createBatch", "upsertBatch", "updateBatch", "mergeBatch", "deleteBatch"]
ROOMS = {"entities": [{"type": "Room"}]}


@pytest.fixture
def make_source():
    sources = []

    def make(answer):
        source = Source(answer)
        sources.append(source)
        return source

    yield make
    for source in sources:
        source.stop()


def held(hub):
    answer = hub.get(NGSI + "/entities?type=Room,Car&options=keyValues&local=true&limit=1000").json
    return {e["id"].rsplit(":", 1)[1]: {k: v for k, v in e.items() if k not in ("id", "type")} for e in answer}


def ids(*numbers):
    return [f"urn:ngsi-ld:Room:{n}" for n in numbers]



@pytest.mark.parametrize("operations", [SINGLE, TOGETHER])
def test_each_part_goes_where_it_belongs(make_hub, operations):
    """Together or one by one, as the source takes it: create, update, merge, upsert, delete."""
    a, b = make_hub(), make_hub()
    register(a, b.url, {**ROOMS, "propertyNames": ["t"]}, mode="redirect", operations=operations)
    answer = a.post(BATCH + "create", [entity(1, t=1, n=1), entity(2, t=2), entity(3, n=3)])
    assert answer.status == 201 and sorted(answer.json) == ids(1, 2, 3)
    assert held(a) == {"1": {"n": 1}, "3": {"n": 3}} and held(b) == {"1": {"t": 1}, "2": {"t": 2}}
    assert a.post(BATCH + "update", [entity(1, t=10, n=10), entity(2, t=20)]).status == 204
    assert held(a)["1"] == {"n": 10} and held(b) == {"1": {"t": 10}, "2": {"t": 20}}
    assert a.post(BATCH + "merge", [entity(1, t=11), entity(3, n=33)]).status == 204
    assert held(a)["3"] == {"n": 33} and held(b)["1"] == {"t": 11}
    answer = a.post(BATCH + "upsert?options=update", [entity(2, t=21), entity(4, t=4)])
    assert answer.status == 201 and answer.json == ids(4)
    assert held(b) == {"1": {"t": 11}, "2": {"t": 21}, "4": {"t": 4}} and sorted(held(a)) == ["1", "3"]
    assert a.post(BATCH + "upsert", [entity(1, t=12, n=12)]).status == 204
    assert held(a)["1"] == {"n": 12} and held(b)["1"] == {"t": 12}
    assert a.post(BATCH + "delete", ids(1, 2, 4)).status == 204
    assert held(a) == {"3": {"n": 33}} and held(b) == {}


def test_inclusive_copies(make_hub):
    a, b = make_hub(), make_hub()
    register(a, b.url, ROOMS, operations=["createBatch"])
    assert a.post(BATCH + "create", [entity(1, t=1), entity(1, "Car", x=1)]).status == 201
    assert sorted(held(b)) == ["1"] and held(b)["1"] == {"t": 1} and len(a.get(NGSI + "/entities?type=Room,Car&local=true").json) == 2
    assert a.post(BATCH + "update", [entity(1, t=2)]).status == 204 and held(b)["1"] == {"t": 1}


def test_local_batches_stay_here(make_hub, make_source):
    a = make_hub()
    source = make_source(lambda *args: (201, []))
    register(a, source.url, ROOMS, mode="redirect", operations=TOGETHER)
    assert a.post(BATCH + "create?local=true", [entity(1, t=1)]).status == 201 and source.requests == []


def test_errors_name_their_registration(make_hub, make_source):
    a = make_hub()
    told = {"success": ids(1), "errors": [{"entityId": ids(2)[0], "error": {"status": 409, "title": "there"}}]}
    partly = register(a, make_source(lambda *args: (207, told)).url, {**ROOMS, "propertyNames": ["t"]}, mode="redirect",
                      operations=TOGETHER)
    closed = register(a, make_source(lambda *args: (403, {})).url, {**ROOMS, "propertyNames": ["u"]}, mode="redirect",
                      operations=TOGETHER)
    deaf = register(a, make_source(lambda *args: (500, {})).url, {**ROOMS, "propertyNames": ["v"]}, mode="redirect",
                    operations=["retrieveOps"])
    answer = a.post(BATCH + "create", [entity(1, t=1), entity(2, t=1), entity(3, u=1), entity(4, v=1), entity(5, n=1), {"id": "urn:x"}])
    assert answer.status == 207 and sorted(answer.json["success"]) == ids(1, 5)
    said = {(e["entityId"], e.get("registrationId"), e["error"]["status"]) for e in answer.json["errors"]}
    assert said == {(ids(2)[0], partly, 409), (ids(3)[0], closed, 502), (ids(4)[0], deaf, 409), ("urn:x", None, 400)}


def test_upsert_at_a_source_without_it(make_hub, make_source):
    """5.6.8.4: create; where it exists, replace."""
    a = make_hub()
    source = make_source(lambda method, *args: (409, {}) if method == "POST" else (204, {}))
    register(a, source.url, ROOMS, mode="redirect", operations=["createEntity", "replaceEntity"])
    assert a.post(BATCH + "upsert", [entity(1, t=1)]).status == 204
    assert [(m, p) for m, p, *_ in source.requests] == [("POST", NGSI + "/entities"), ("PUT", NGSI + "/entities/" + ids(1)[0])]
    assert json.loads(source.requests[1][3]) == entity(1, t=1)


def test_many_single_requests(make_hub):
    """More entities than requests go out at a time."""
    a, b = make_hub(), make_hub()
    register(a, b.url, ROOMS, mode="redirect", operations=SINGLE)
    assert a.post(BATCH + "create", [entity(n, t=n) for n in range(300)]).status == 201
    assert len(held(b)) == 300 and held(a) == {}


def test_a_loop_is_told(make_hub):
    a, b = make_hub(), make_hub()
    register(a, b.url, ROOMS, mode="redirect", operations=TOGETHER)
    register(b, a.url, ROOMS, mode="redirect", operations=TOGETHER)
    answer = a.post(BATCH + "create", [entity(1, t=1)])
    assert answer.status == 207 and [e["error"]["status"] for e in answer.json["errors"]] == [508]
    assert held(a) == {} and held(b) == {}
