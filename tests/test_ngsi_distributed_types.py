# SPDX-License-Identifier: Apache-2.0
"""Types and attributes over several context sources (5.7.5 – 5.7.11)."""
from sources import NGSI, Source, create, entity, register, warnings

ROOMS = {"entities": [{"type": "Room"}]}


def test_types_and_attributes_of_two_hubs(make_hub):
    a, b = make_hub(), make_hub()
    create(a, entity(1, name="a"), entity(1, "Car", speed=1))
    create(b, entity(1, temperature=1), entity(2, name="b"), entity(1, "Tree", height=1))
    register(a, b.url, {"entities": [{"type": "Room"}, {"type": "Tree"}]})
    assert sorted(a.get(NGSI + "/types").json["typeList"]) == ["Car", "Room", "Tree"]
    details = {t["typeName"]: sorted(t["attributeNames"]) for t in a.get(NGSI + "/types?details=true").json}
    assert details == {"Car": ["speed"], "Room": ["name", "temperature"], "Tree": ["height"]}
    room = a.get(NGSI + "/types/Room").json
    assert room["entityCount"] == 3 and sorted(d["attributeName"] for d in room["attributeDetails"]) == ["name", "temperature"]
    assert sorted(a.get(NGSI + "/attributes").json["attributeList"]) == ["height", "name", "speed", "temperature"]
    assert a.get(NGSI + "/attributes/name").json["attributeCount"] == 2
    details = {t["attributeName"]: t["typeNames"] for t in a.get(NGSI + "/attributes?details=true").json}
    assert details["temperature"] == ["Room"]


def test_only_what_is_registered(make_hub):
    a, b = make_hub(), make_hub()
    create(b, entity(1, t=1, n=1), entity(1, "Tree", h=1))
    register(a, b.url, {**ROOMS, "propertyNames": ["t"]})
    assert a.get(NGSI + "/types").json["typeList"] == ["Room"]
    assert [t["typeName"] for t in a.get(NGSI + "/types?details=true").json] == ["Room"]
    assert a.get(NGSI + "/attributes").json["attributeList"] == ["t"]


def test_only_elsewhere_only_here_nowhere(make_hub):
    a, b = make_hub(), make_hub()
    create(b, entity(1, temperature=1))
    register(a, b.url, ROOMS)
    assert a.get(NGSI + "/types/Room").json["entityCount"] == 1
    assert a.get(NGSI + "/types/Room?local=true").status == 404
    assert a.get(NGSI + "/types/Car").status == 404 and a.get(NGSI + "/attributes/none").status == 404
    assert a.get(NGSI + "/types?local=true").json["typeList"] == []


def test_a_bad_source_is_a_warning(make_hub):
    a = make_hub()
    create(a, entity(1))
    source = Source(lambda *args: (200, b"no"))
    register(a, source.url, ROOMS)
    answer = a.get(NGSI + "/types")
    assert answer.json["typeList"] == ["Room"] and warnings(answer) == [111]
    source.stop()


def test_names_are_the_clients(make_hub):
    a, b = make_hub(), make_hub()
    create(b, {"id": "urn:x:1", "type": "https://x.org/Room", "https://x.org/t": 1})
    register(a, b.url, {"entities": [{"type": "https://x.org/Room"}]})
    context = a.post("/ngsi-ld/v1/jsonldContexts", {"@context": {"Room": "https://x.org/Room", "t": "https://x.org/t"}})
    link = {"Link": f'<{a.url}{context.headers["Location"]}>; rel="http://www.w3.org/ns/json-ld#context"'}
    assert a.get(NGSI + "/types", headers=link).json["typeList"] == ["Room"]
    assert a.get(NGSI + "/types/Room", headers=link).json["attributeDetails"][0]["attributeName"] == "t"
