# SPDX-License-Identifier: Apache-2.0
"""What notifications say (clauses 5.2.14, 5.3.1, 5.8.6): changes, what is gone, datasets, links, versions, formats."""
import pytest

from conftest import wait_for
from test_subscriptions import ENTITIES, PATH, put, receiver, sensor, settle, subscribe  # noqa: F401

NULL = "urn:ngsi-ld:null"
ALL = ["entityCreated", "entityUpdated", "entityDeleted"]
ONE = "urn:ngsi-ld:Sensor:1"


def create(hub, **attributes):
    assert hub.post(ENTITIES, {"id": ONE, "type": "Sensor", **attributes}).status == 201


def change(hub, **attributes):
    assert hub.patch(f"{ENTITIES}/{ONE}/attrs", attributes).status == 204


def last(receiver, count):
    return receiver.wait(count)[-1]


KINDS = [
    ({"type": "Property", "value": 1}, {"type": "Property", "value": 2}, "previousValue", 1),
    ({"type": "Relationship", "object": "urn:a:1"}, {"type": "Relationship", "object": "urn:a:2"}, "previousObject", "urn:a:1"),
    ({"type": "LanguageProperty", "languageMap": {"zh": "一"}}, {"type": "LanguageProperty", "languageMap": {"zh": "二"}},
     "previousLanguageMap", {"zh": "一"}),
    ({"type": "VocabProperty", "vocab": "open"}, {"type": "VocabProperty", "vocab": "shut"}, "previousVocab", "open"),
    ({"type": "JsonProperty", "json": {"a": 1}}, {"type": "JsonProperty", "json": {"a": 2}}, "previousJson", {"a": 1}),
    ({"type": "ListProperty", "valueList": [1, 2]}, {"type": "ListProperty", "valueList": [3]}, "previousValueList", [1, 2]),
    ({"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}},
     {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [3, 4]}}, "previousValue", {"type": "Point", "coordinates": [1, 2]}),
]


@pytest.mark.parametrize("format_", ["normalized", "concise"])
@pytest.mark.parametrize("before, after, member, expected", KINDS)
def test_changes_show_what_was(hub, receiver, before, after, member, expected, format_):
    subscribe(hub, receiver.url, notification={"showChanges": True, "format": format_}, entities=[{"type": "Sensor"}])
    create(hub, a=before, other={"type": "Property", "value": 0})
    assert member not in str(last(receiver, 1)["a"])
    change(hub, a=after)
    seen = last(receiver, 2)
    assert seen["a"][member] == expected
    assert "previousValue" not in str(seen["other"])
    assert ("type" in seen["a"]) == (format_ == "normalized")


def test_changes_by_dataset(hub, receiver):
    subscribe(hub, receiver.url, notification={"showChanges": True}, entities=[{"type": "Sensor"}])
    create(hub, a=[{"type": "Property", "value": 1}, {"type": "Property", "value": 5, "datasetId": "urn:d:1"}])
    receiver.wait(1)
    change(hub, a={"type": "Property", "value": 6, "datasetId": "urn:d:1"})
    seen = {i.get("datasetId"): i for i in last(receiver, 2)["a"]}
    assert seen["urn:d:1"]["previousValue"] == 5 and "previousValue" not in seen[None]


def test_what_was_is_there_from_the_first_change(hub, receiver):
    """The change right after the subscription has what was before, although nobody needed it when that was written."""
    create(hub, a={"type": "Property", "value": 1})
    subscribe(hub, receiver.url, notification={"showChanges": True}, entities=[{"type": "Sensor"}])
    change(hub, a={"type": "Property", "value": 2})
    assert last(receiver, 1)["a"]["previousValue"] == 1


def test_an_equal_value_is_no_change(hub, receiver):
    """5.8.6: an Attribute changes when any of its members gets a value different from the existing one."""
    create(hub, a={"type": "Property", "value": 1, "observedAt": "2026-01-01T00:00:00Z"}, b={"type": "Property", "value": 1})
    subscribe(hub, receiver.url, entities=[{"type": "Sensor"}])
    change(hub, a={"type": "Property", "value": 1, "observedAt": "2026-01-01T00:00:00Z"}, b={"type": "Property", "value": 1})
    assert settle(hub, receiver) == []
    change(hub, a={"type": "Property", "value": 1, "observedAt": "2026-01-01T00:01:00Z"})
    seen = wait_for("the change", lambda: [e for e in receiver.entities() if e["id"] == ONE])
    assert seen[0]["a"]["observedAt"] == "2026-01-01T00:01:00Z"


@pytest.mark.parametrize("format_, expected", [("normalized", NULL), ("concise", NULL), ("simplified", NULL)])
def test_a_deleted_attribute(hub, receiver, format_, expected):
    subscribe(hub, receiver.url, notification={"format": format_}, notificationTrigger=["attributeDeleted"], entities=[{"type": "Sensor"}])
    create(hub, a={"type": "Property", "value": 1}, b={"type": "Property", "value": 1})
    assert hub.delete(f"{ENTITIES}/{ONE}/attrs/a").status == 204
    seen = last(receiver, 1)
    assert seen["a"] == expected and "b" in seen


@pytest.mark.parametrize("attribute, member, null, previous", [
    ({"type": "Property", "value": 7}, "value", NULL, ("previousValue", 7)),
    ({"type": "Relationship", "object": "urn:a:1"}, "object", NULL, ("previousObject", "urn:a:1")),
    ({"type": "LanguageProperty", "languageMap": {"en": "x"}}, "languageMap", {"@none": NULL}, ("previousLanguageMap", {"en": "x"})),
])
def test_a_deleted_attribute_with_all_that_is_asked_for(hub, receiver, attribute, member, null, previous):
    subscribe(hub, receiver.url, notification={"showChanges": True, "sysAttrs": True}, notificationTrigger=ALL, entities=[{"type": "Sensor"}])
    create(hub, a=attribute)
    receiver.wait(1)
    assert hub.delete(f"{ENTITIES}/{ONE}/attrs/a").status == 204
    seen = last(receiver, 2)["a"]
    assert seen["type"] == attribute["type"] and seen[member] == null and seen[previous[0]] == previous[1]
    assert seen["deletedAt"] and seen["modifiedAt"]


def test_a_deleted_instance_has_its_dataset(hub, receiver):
    subscribe(hub, receiver.url, notificationTrigger=["attributeDeleted"], entities=[{"type": "Sensor"}])
    create(hub, a=[{"type": "Property", "value": 1}, {"type": "Property", "value": 5, "datasetId": "urn:d:1"}])
    assert hub.delete(f"{ENTITIES}/{ONE}/attrs/a?datasetId=urn:d:1").status == 204
    seen = {i.get("datasetId"): i for i in last(receiver, 1)["a"]}
    assert seen["urn:d:1"]["value"] == NULL and seen[None]["value"] == 1


def test_a_deleted_entity(hub, receiver):
    plain = subscribe(hub, receiver.url, notificationTrigger=["entityDeleted"], entities=[{"type": "Sensor"}])
    full = subscribe(hub, receiver.url, notificationTrigger=["entityDeleted"], notification={"showChanges": True, "sysAttrs": True},
                     entities=[{"type": "Sensor"}])
    create(hub, a={"type": "Property", "value": 1})
    assert hub.delete(f"{ENTITIES}/{ONE}").status == 204
    receiver.wait(2)
    seen = {body["subscriptionId"]: body["data"][0] for body in receiver.got}
    assert set(seen[plain]) == {"id", "type", "deletedAt"}
    assert {"createdAt", "modifiedAt", "deletedAt"} <= set(seen[full])
    assert seen[full]["a"]["value"] == NULL and seen[full]["a"]["previousValue"] == 1


def test_a_deleted_entity_is_held_against_the_query(hub, receiver):
    subscribe(hub, receiver.url, q="level>5", scopeQ="/a", notificationTrigger=["entityDeleted"], entities=[{"type": "Sensor"}])
    put(hub, {**sensor(1, level=1), "scope": "/a"}, {**sensor(2, level=9), "scope": "/a"}, {**sensor(3, level=9), "scope": "/b"})
    for n in (1, 2, 3):
        assert hub.delete(f"{ENTITIES}/urn:ngsi-ld:Sensor:{n}").status == 204
    assert [e["id"][-1] for e in settle(hub, receiver)] == ["2"]


def test_a_deleted_entity_must_have_what_is_watched(hub, receiver):
    subscribe(hub, receiver.url, notificationTrigger=["entityDeleted"], watchedAttributes=["level"], entities=[{"type": "Sensor"}])
    put(hub, sensor(1, level=1), sensor(2, other=1))
    hub.delete(f"{ENTITIES}/urn:ngsi-ld:Sensor:2")
    hub.delete(f"{ENTITIES}/urn:ngsi-ld:Sensor:1")
    assert [e["id"][-1] for e in settle(hub, receiver)] == ["1"]


@pytest.mark.parametrize("trigger, expected", [
    ("entityCreated", ["create"]), ("entityDeleted", ["delete"]), ("attributeCreated", ["create", "add"]),
    ("attributeUpdated", ["change"]), ("attributeDeleted", ["drop"]), ("entityUpdated", ["create", "add", "change", "drop"]),
])
def test_triggers(hub, receiver, trigger, expected):
    subscribe(hub, receiver.url, notificationTrigger=[trigger], entities=[{"type": "Sensor"}])
    steps = [
        lambda: create(hub, step={"type": "Property", "value": "create"}, a={"type": "Property", "value": 1}),
        lambda: hub.post(f"{ENTITIES}/{ONE}/attrs", {"b": {"type": "Property", "value": "add"}}),
        lambda: change(hub, a={"type": "Property", "value": 2}),
        lambda: hub.delete(f"{ENTITIES}/{ONE}/attrs/b"),
        lambda: hub.delete(f"{ENTITIES}/{ONE}"),
    ]
    for step in steps:  # attributes that a change leaves alone are shown as they are when it is sent
        step()
        settle(hub, receiver)
    seen = []
    for e in settle(hub, receiver):
        seen.append("delete" if "deletedAt" in e else "drop" if e.get("b") == NULL else "change" if e["a"]["value"] == 2
                    else "add" if "b" in e else "create")
    assert seen == expected


def test_datasets(hub, receiver):
    subscribe(hub, receiver.url, datasetId=["urn:d:1", "@none"], entities=[{"type": "Sensor"}])
    create(hub, a=[{"type": "Property", "value": 1}, {"type": "Property", "value": 2, "datasetId": "urn:d:1"},
                   {"type": "Property", "value": 3, "datasetId": "urn:d:2"}])
    assert sorted(i["value"] for i in last(receiver, 1)["a"]) == [1, 2]


@pytest.mark.parametrize("join", ["flat", "inline"])
def test_linked_entities(hub, receiver, join):
    put(hub, {"id": "urn:ngsi-ld:Street:1", "type": "Street", "name": {"type": "Property", "value": "大坪"}})
    subscribe(hub, receiver.url, notification={"join": join, "joinLevel": 1}, entities=[{"type": "Sensor"}])
    create(hub, street={"type": "Relationship", "object": "urn:ngsi-ld:Street:1"})
    receiver.wait(1)
    data = receiver.got[0]["data"]
    if join == "inline":
        assert len(data) == 1 and data[0]["street"]["entity"]["name"]["value"] == "大坪"
    else:
        assert [e["id"] for e in data] == [ONE, "urn:ngsi-ld:Street:1"] and data[1]["name"]["value"] == "大坪"


def test_linked_queries(hub, receiver):
    put(hub, {"id": "urn:ngsi-ld:Street:1", "type": "Street", "name": {"type": "Property", "value": "大坪"}},
        {"id": "urn:ngsi-ld:Street:2", "type": "Street", "name": {"type": "Property", "value": "石油路"}})
    subscribe(hub, receiver.url, q='street{Street:name}=="大坪"', entities=[{"type": "Sensor"}])
    put(hub, *[{**sensor(n), "street": {"type": "Relationship", "object": f"urn:ngsi-ld:Street:{n}"}} for n in (1, 2)])
    assert [e["id"][-1] for e in settle(hub, receiver)] == ["1"]


def test_an_earlier_version(hub, receiver):
    """4.3.6.8: what the version does not know becomes what it does."""
    subscribe(hub, receiver.url, ngsildConformance="1.3", entities=[{"type": "Sensor"}])
    create(hub, kind={"type": "VocabProperty", "vocab": "open"})
    assert last(receiver, 1)["kind"]["type"] == "Property"


def test_geojson_carries_the_context_unless_told(hub, receiver):
    geo = {"accept": "application/geo+json"}
    carrying = subscribe(hub, receiver.url, endpoint=geo, entities=[{"type": "Sensor"}])
    plain = subscribe(hub, receiver.url, endpoint={**geo, "receiverInfo": [{"key": "Prefer", "value": "body=json"}]}, entities=[{"type": "Sensor"}])
    create(hub, location={"type": "GeoProperty", "value": {"type": "Point", "coordinates": [106.5, 29.5]}})
    wait_for("both", lambda: len(receiver.got) == 2)
    seen = {body["subscriptionId"]: (body["data"], headers) for body, headers in zip(receiver.got, receiver.headers)}
    assert seen[carrying][0]["type"] == "FeatureCollection" and seen[carrying][0]["@context"] and "Link" not in seen[carrying][1]
    assert "@context" not in seen[plain][0] and "json-ld#context" in seen[plain][1]["Link"]
    assert seen[plain][0]["features"][0]["geometry"]["coordinates"] == [106.5, 29.5]


def test_one_language(hub, receiver):
    subscribe(hub, receiver.url, lang="en", entities=[{"type": "Sensor"}])
    create(hub, name={"type": "LanguageProperty", "languageMap": {"zh": "站", "en": "Station"}})
    seen = last(receiver, 1)["name"]
    assert seen["value"] == "Station" and seen["lang"] == "en" and seen["type"] == "Property"


def test_pick_and_omit(hub, receiver):
    picked = subscribe(hub, receiver.url, notification={"pick": ["id", "a"]}, entities=[{"type": "Sensor"}])
    omitted = subscribe(hub, receiver.url, notification={"omit": ["b", "type"]}, entities=[{"type": "Sensor"}])
    old = subscribe(hub, receiver.url, notification={"attributes": ["b"]}, entities=[{"type": "Sensor"}])
    create(hub, a={"type": "Property", "value": 1}, b={"type": "Property", "value": 1})
    receiver.wait(3)
    seen = {body["subscriptionId"]: set(body["data"][0]) for body in receiver.got}
    assert seen == {picked: {"id", "a"}, omitted: {"id", "a"}, old: {"id", "type", "b"}}


def test_system_attributes(hub, receiver):
    identifier = subscribe(hub, receiver.url, notification={"sysAttrs": True}, entities=[{"type": "Sensor"}])
    create(hub, a={"type": "Property", "value": 1})
    seen = last(receiver, 1)
    assert seen["createdAt"] and seen["modifiedAt"] and seen["a"]["createdAt"]
    own = hub.get(f"{PATH}/{identifier}?options=sysAttrs").json
    assert own["createdAt"] == own["modifiedAt"] and "createdAt" not in hub.get(f"{PATH}/{identifier}").json
    hub.patch(f"{PATH}/{identifier}", {"description": "x"})
    changed = hub.get(f"{PATH}/{identifier}?options=sysAttrs").json
    assert changed["createdAt"] == own["createdAt"] < changed["modifiedAt"]
    hub.stop()
    hub.start()
    assert hub.get(f"{PATH}/{identifier}?options=sysAttrs").json["modifiedAt"] == changed["modifiedAt"]


def test_every_member_is_kept_and_can_be_removed(hub):
    members = {"description": "d", "subscriptionName": "n", "q": "a==1", "scopeQ": "/a", "lang": "en", "datasetId": ["@none"],
               "csf": "endpoint==\"x\"", "expandValues": "a", "jsonKeys": "b", "ngsildConformance": "1.6", "localOnly": True,
               "splitEntities": False, "expiresAt": "2100-01-01T00:00:00Z", "throttling": 0.5, "watchedAttributes": ["a"],
               "notificationTrigger": ["entityUpdated"],
               "geoQ": {"georel": "near;maxDistance==100", "geometry": "Point", "coordinates": [1, 2]}}
    body = {"type": "Subscription", "entities": [{"type": "Sensor"}], "notification": {"endpoint": {"uri": "http://x/"}}, **members}
    created = hub.post(PATH, body)
    assert created.status == 201, created
    one = created.headers["Location"]
    shown = hub.get(one).json
    assert {k: shown[k] for k in members} == members
    for k in members:
        answer = hub.patch(one, {k: None if k != "description" else NULL})
        assert answer.status == 204, (k, answer)
        assert k not in hub.get(one).json
    assert hub.patch(one, {"notification": {"endpoint": {"uri": "http://y/"}, "format": "concise"}}).status == 204
    assert hub.get(one).json["notification"]["format"] == "concise"
    for wrong in ({"type": "Sub"}, {"id": "urn:x:y"}, {"q": "a=="}, {"entities": None}, {"notification": None}, {"expiresAt": "2001-01-01T00:00:00Z"}):
        assert hub.patch(one, wrong).status == 400, wrong
