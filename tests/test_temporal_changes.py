# SPDX-License-Identifier: Apache-2.0
"""Correcting and deleting points of a history: by instanceId (5.6.14, 5.6.15), attribute (5.6.13) and range."""
from test_temporal import BASE, iso, points, station, values, write

OURS = "/api/v1/history/urn:ngsi-ld:Station:1"
ONE = BASE + "/urn:ngsi-ld:Station:1"


def instances(hub, name="pm25"):
    found = hub.get(ONE).json.get(name, [])
    return found if isinstance(found, list) else [found]


def instance_ids(hub, name="pm25"):
    return [i["instanceId"] for i in instances(hub, name)]


def reading(value, t=None, **more):
    return {"type": "Property", "value": value, **({"observedAt": iso(t)} if t is not None else {}), **more}


def restart(hub):
    hub.stop()
    hub.start()


def test_every_instance_has_an_id_that_stays(hub):
    write(hub, (0, 1), (60, 2))
    write(hub, (0, 1), name="no2")
    write(hub, (0, 1), number=2)
    before = instance_ids(hub) + instance_ids(hub, "no2") + [hub.get(BASE + "/urn:ngsi-ld:Station:2").json["pm25"][0]["instanceId"]]
    assert len(set(before)) == 4 and all(i.startswith("urn:") for i in before)
    write(hub, (30, 3))
    restart(hub)
    assert [i for i in instance_ids(hub) if i in before] == before[:2]


def test_one_instance_goes(hub):
    write(hub, (0, 1), (60, 2), (120, 3))
    first, second, _ = instance_ids(hub)
    assert hub.delete(f"{ONE}/attrs/pm25/{second}").status == 204
    assert values(hub) == [[1, iso(0)], [3, iso(120)]]
    assert hub.delete(f"{ONE}/attrs/pm25/{second}").status == 404
    restart(hub)
    assert hub.delete(f"{ONE}/attrs/pm25/{first}").status == 204
    assert values(hub) == [[3, iso(120)]]


def test_one_instance_is_corrected(hub):
    write(hub, (0, 1), (60, 2), (120, 3))
    second = instance_ids(hub)[1]
    assert hub.patch(f"{ONE}/attrs/pm25/{second}", {"pm25": [reading(22, 60)]}).status == 204
    assert values(hub) == [[1, iso(0)], [22, iso(60)], [3, iso(120)]]
    assert hub.patch(f"{ONE}/attrs/pm25/{second}", {"pm25": reading(23)}).status == 204
    assert values(hub)[1] == [23, iso(60)]
    assert hub.entity("urn:ngsi-ld:Station:1")["pm25"]["value"] == 3
    assert hub.patch(f"{ONE}/attrs/pm25/{second}", {"pm25": [reading(24, 90)]}).status == 204
    restart(hub)
    assert values(hub) == [[1, iso(0)], [24, iso(90)], [3, iso(120)]]


def test_correcting_the_newest_corrects_what_the_entity_shows(hub):
    write(hub, (0, 1), (60, 2))
    newest = instance_ids(hub)[1]
    assert hub.patch(f"{ONE}/attrs/pm25/{newest}", {"pm25": [reading(5, 60, unitCode="GQ")]}).status == 204
    assert hub.entity("urn:ngsi-ld:Station:1")["pm25"] == reading(5, 60, unitCode="GQ")
    assert values(hub) == [[1, iso(0)], [5, iso(60)]]
    assert hub.patch(f"{ONE}/attrs/pm25/{newest}", {"pm25": [reading(6, 30)]}).status == 204
    assert values(hub) == [[1, iso(0)], [6, iso(30)]]


def test_instances_of_a_dataset_and_of_every_kind(hub):
    place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [106.5, 29.5]}, "observedAt": iso(0)}
    target = {"type": "Relationship", "object": "urn:ngsi-ld:Street:1", "observedAt": iso(0)}
    hub.post(BASE, station(t=points((0, 1), (60, 2)) + points((0, 3), datasetId="urn:d:2"), location=[place], on=[target]))
    second = next(i for i in instances(hub, "t") if i.get("datasetId"))
    path = f"{ONE}/attrs/t/{second['instanceId']}"
    assert hub.patch(path, {"t": [reading(4, 0)]}).status == 400
    assert hub.patch(path, {"t": [reading(4, 0, datasetId="urn:d:2")]}).status == 204
    by_dataset = {(i.get("datasetId"), i["value"]) for i in instances(hub, "t")}
    assert by_dataset == {(None, 1), (None, 2), ("urn:d:2", 4)}
    for name, new in (("on", {**target, "object": "urn:ngsi-ld:Street:2"}),
                      ("location", {**place, "value": {"type": "Point", "coordinates": [1, 2]}})):
        assert hub.patch(f"{ONE}/attrs/{name}/{instance_ids(hub, name)[0]}", {name: [new]}).status == 204
        found = instances(hub, name)[0]
        assert found == {**new, "instanceId": found["instanceId"]}


def test_mistakes_about_instances_are_named(hub):
    write(hub, (0, 1))
    write(hub, (0, 1), name="no2")
    mine, other = instance_ids(hub)[0], instance_ids(hub, "no2")[0]
    good = {"pm25": [reading(2, 0)]}
    for path, status in [(f"{ONE}/attrs/pm25/{other}", 404), (f"{ONE}/attrs/pm25/urn:x:1", 404), (f"{ONE}/attrs/o3/{mine}", 404),
                         (f"{BASE}/urn:ngsi-ld:Station:9/attrs/pm25/{mine}", 404), (f"{ONE}/attrs/pm25/no-uri", 400),
                         (f"{BASE}/station/attrs/pm25/{mine}", 400)]:
        name = path.split("/attrs/")[1].split("/")[0]
        assert hub.delete(path).status == status, path
        assert hub.patch(path, {name: [reading(2, 0)]}).status == status, path
    for body in ({}, {"no2": [reading(1, 0)]}, {**good, "no2": [reading(1, 0)]}, {"pm25": [reading(1, 0), reading(2, 60)]},
                 {"pm25": []}, {"pm25": [{"type": "Property"}]}, [good]):
        assert hub.patch(f"{ONE}/attrs/pm25/{mine}", body).status == 400, body
    assert values(hub) == [[1, iso(0)]]


def test_a_range_goes(hub):
    write(hub, *[(t, t) for t in range(0, 60, 10)])
    write(hub, (20, 1), name="no2")
    answer = hub.delete(f"{OURS}/attrs/pm25?timerel=between&timeAt={iso(10)}&endTimeAt={iso(30)}")
    assert answer.status == 200 and answer.json == {"removed": 2}
    assert [v for v, _ in values(hub)] == [0, 30, 40, 50]
    assert hub.delete(f"{OURS}/attrs/pm25?timerel=after&timeAt={iso(50)}").json == {"removed": 1}
    assert hub.delete(f"{OURS}?timerel=before&timeAt={iso(30)}").json == {"removed": 2}
    restart(hub)
    assert [v for v, _ in values(hub)] == [30, 40] and values(hub, name="no2") == []
    for path, status in [(f"{OURS}/attrs/pm25", 400), (f"{OURS}/attrs/pm25?timerel=after", 400),
                         (f"{OURS}/attrs/o3?timerel=after&timeAt={iso(0)}", 404),
                         (f"/api/v1/history/urn:x:1?timerel=after&timeAt={iso(0)}", 404)]:
        assert hub.delete(path).status == status, path
    assert hub.delete(f"{ONE}/attrs/pm25?timerel=after&timeAt={iso(0)}").status == 400


def test_attributes_go_by_dataset(hub):
    hub.post(BASE, station(t=points((0, 1)) + points((0, 2), datasetId="urn:d:2") + points((0, 3), datasetId="urn:d:3")))
    left = lambda: sorted(i["value"] for i in instances(hub, "t"))
    assert hub.delete(f"{ONE}/attrs/t?datasetId=urn:d:2").status == 204 and left() == [1, 3]
    assert hub.delete(f"{ONE}/attrs/t?datasetId=urn:d:2").status == 404
    assert hub.delete(f"{ONE}/attrs/t?datasetId=no-uri").status == 400
    assert hub.delete(f"{ONE}/attrs/t").status == 204 and left() == [3]
    assert hub.delete(f"{ONE}/attrs/t").status == 404
    assert hub.delete(f"{ONE}/attrs/t?deleteAll=true").status == 204
    assert hub.get(ONE).status == 404
