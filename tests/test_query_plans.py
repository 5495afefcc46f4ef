# SPDX-License-Identifier: Apache-2.0
"""Queries use indexes, say what they cost, and give the same answer whichever way they go."""
import json
import random
import sqlite3

import pytest
from conftest import program, wait_for

ENTITIES = "/ngsi-ld/v1/entities"
EXPLAIN = "/api/v1/explain"
PACK = """pack: {name: %s, version: 1.0.0, title: Lamps}
types:
  Lamp:
    title: Lamp
    indexed: %s
    attributes:
      power: {title: Power}
      street: {title: Street}
      on: {title: On, value: boolean}
      tags: {title: Tags}
      due: {title: Due, value: time}
      note: {title: Note}
      poleOf: {title: Pole, kind: Relationship}
      label: {title: Label, kind: LanguageProperty}
      area: {title: Area, kind: GeoProperty}
"""
ALL = "[power, street, on, tags, due, poleOf, label]"


def pack(folder, indexed=ALL):
    place = folder / "lamps"
    place.mkdir(exist_ok=True)
    (place / "pack.yaml").write_text(PACK % ("lamps", indexed))
    return place


def prop(value, **more):
    return {"type": "Property", "value": value, **more}


def lamp(n, rng):
    """One of many, some of odd shape: other kinds of values, arrays, several instances, no value at all."""
    e = {"id": f"urn:ngsi-ld:Lamp:{n:05d}", "type": rng.choice(["Lamp", "Lamp", ["Lamp", "Asset"]]),
         "street": prop(rng.choice(["Minzu Rd", "Minquan Rd", "Daping", "街道", "x" * 300, "x" * 300 + "y"])),
         "power": prop(rng.choice([n % 50, n % 50 + 0.5, -3, "forty", True, [1, 2, n % 50], {"a": 1}, {"@type": "Number", "@value": 7}])),
         "on": prop(rng.random() < 0.1), "note": prop(n % 7),
         "tags": prop(rng.sample(["a", "b", "c", 5], 2)), "label": {"type": "LanguageProperty", "languageMap": {
             "zh": f"灯{n % 9}", "en": f"lamp {n % 9}"}},
         "due": prop({"@type": "DateTime", "@value": f"2026-03-{n % 28 + 1:02d}T08:00:00Z"}),
         "poleOf": {"type": "Relationship", "object": f"urn:ngsi-ld:Pole:{n % 30}"},
         "scope": f"/city/part{n % 4}", "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [
             106 + n % 100 / 100, 29 + n // 100 / 100]}}}
    if n % 5 == 0:
        e["power"] = [prop(n % 50), prop(n % 13, datasetId="urn:ngsi-ld:d:2")]
    if n % 11 == 0:
        del e["power"]
    return e


def upsert(hub, entities):
    answer = hub.post("/ngsi-ld/v1/entityOperations/upsert", entities)
    assert answer.status in (201, 204), answer


def fill(hub, count, seed=1):
    rng = random.Random(seed)
    entities = [lamp(n, rng) for n in range(count)]
    for first in range(0, count, 1000):
        upsert(hub, entities[first:first + 1000])
    return entities


def indexes(hub):
    return {(i["type"], i["attribute"]): i for i in hub.get("/api/v1/indexes").json["items"]}


def complete(hub, count=7):
    wait_for("the indexes", lambda: [i["state"] for i in indexes(hub).values()] == ["complete"] * count)


def explain(hub, query):
    answer = hub.get(f"{EXPLAIN}?{query}")
    assert answer.status == 200, answer
    return answer.json


def ids(hub, query):
    answer = hub.get(f"{ENTITIES}?{query}&limit=1000&options=keyValues")
    assert answer.status == 200, answer
    return [e["id"] for e in answer.json]


QUERIES = ["power==7", "power==7,8", "power==3..9", "power>40", "power>=40", "power<-1", "power<=-3", 'power=="forty"', "power==true",
           'street=="Daping"', 'street=="街道"', 'street=="' + "x" * 300 + '"', 'street>="Minzu Rd"', "on==true", 'tags=="a"', "tags==5",
           'tags=="a";tags==5', "due==2026-03-03T08:00:00Z", "due<2026-03-03T08:00:01Z", "due==2026-03-03T16:00:00+08:00",
           "due>2026-03-27T00:00:00Z;on==true", "poleOf==urn:ngsi-ld:Pole:7", 'label=="lamp 3"', 'label[en]=="lamp 3"',
           'on==true;street=="Daping"', 'on==true|power==7', "power==7|power==9", "(power==7|power==9);note==3", "note==3;power==12",
           "power==nothing:here", 'street~="Min.*";on==true', "power!=7;on==true", "power;on==true", "note==3"]


def test_the_same_answers_with_and_without_indexes(make_hub, tmp_path):
    """4.9 says what matches; an index only says where to look."""
    plain, hub = make_hub(), make_hub(packs=[pack(tmp_path)])
    fill(plain, 1500)
    fill(hub, 1500)
    complete(hub)
    used = 0
    for q in QUERIES:
        for more in ("", "&scopeQ=/city/part2", "&georel=near;maxDistance==9000&geometry=Point&coordinates=[106.5,29.05]"):
            query = f"type=Lamp&q={q.replace('+', '%2B')}{more}"
            assert ids(hub, query) == ids(plain, query), query
            used += explain(hub, query)["by"] == "attribute"
    assert used > len(QUERIES)


def test_indexes_follow_every_change(make_hub, tmp_path):
    """Random writes of all sorts; then the index finds what a walk finds, and after a restart too."""
    hub = make_hub(packs=[pack(tmp_path)])
    rng = random.Random(7)
    fill(hub, 300)
    for step in range(400):
        n = rng.randrange(300)
        path = f"{ENTITIES}/urn:ngsi-ld:Lamp:{n:05d}"
        what = rng.randrange(7)
        if what == 0:
            hub.delete(path)
        elif what == 1:
            upsert(hub, [lamp(n, rng)])
        elif what == 2:
            hub.patch(path, {"power": prop(rng.randrange(60))})
        elif what == 3:
            hub.delete(f"{path}/attrs/power?deleteAll=true")
        elif what == 4:
            hub.post(f"{path}/attrs", {"power": prop(rng.randrange(60), datasetId=f"urn:ngsi-ld:d:{rng.randrange(3)}")})
        elif what == 5:
            hub.post("/ngsi-ld/v1/entityOperations/delete", [f"urn:ngsi-ld:Lamp:{n:05d}"])
        else:  # several times in one transaction
            upsert(hub, [lamp(n, rng) for _ in range(3)])
    complete(hub)
    for _ in range(2):
        everything = hub.get(f"{ENTITIES}?type=Lamp&limit=1000").json
        for value in range(0, 60, 3):
            expected = [e["id"] for e in everything if matches(e.get("power"), value)]
            assert ids(hub, f"type=Lamp&q=power=={value}") == expected
        check_counts(hub, everything)
        hub.stop()
        assert leftover_entries(hub) == 0
        hub.start()


def matches(attribute, number):
    instances = attribute if isinstance(attribute, list) else [attribute] if attribute else []
    for i in instances:
        v = i["value"]
        v = v.get("@value", v) if isinstance(v, dict) else v
        if any(isinstance(x, (int, float)) and not isinstance(x, bool) and x == number for x in (v if isinstance(v, list) else [v])):
            return True
    return False


def leftover_entries(hub):
    db = sqlite3.connect(hub.data / "hub.db")
    return db.execute("SELECT count(*) FROM entity_value WHERE eid NOT IN (SELECT eid FROM entity)").fetchone()[0]


def check_counts(hub, everything):
    """5.7.5 – 5.7.10 from the counts that writes keep, against the entities themselves."""
    types = {t for e in everything for t in (e["type"] if isinstance(e["type"], list) else [e["type"]])}
    assert set(hub.get("/ngsi-ld/v1/types").json["typeList"]) == types
    for kind in types:
        mine = [e for e in everything if kind in (e["type"] if isinstance(e["type"], list) else [e["type"]])]
        info = hub.get(f"/ngsi-ld/v1/types/{kind}").json
        assert info["entityCount"] == len(mine)
        names = {a for e in mine for a in e if a not in ("id", "type", "scope", "@context")}
        assert {d["attributeName"] for d in info["attributeDetails"]} == names
    power = hub.get("/ngsi-ld/v1/attributes/power").json
    assert power["attributeCount"] == sum("power" in e for e in everything)
    assert set(power["typeNames"]) <= types


def test_a_new_declaration_is_built_and_one_that_goes_is_dropped(make_hub, tmp_path):
    folder = pack(tmp_path, "[]")
    hub = make_hub(packs=[folder])
    fill(hub, 1200)
    assert indexes(hub) == {} and explain(hub, "type=Lamp&q=power==7")["by"] == "type"
    pack(tmp_path, "[power, street]")
    assert hub.post("/api/v1/packs/reload").status == 200
    complete(hub, 2)
    assert indexes(hub)["Lamp", "power"]["progress"] == 1
    assert explain(hub, "type=Lamp&q=power==7")["attribute"] == "power"
    pack(tmp_path, "[street]")
    assert hub.post("/api/v1/packs/reload").status == 200
    wait_for("the drop", lambda: list(indexes(hub)) == [("Lamp", "street")])
    assert explain(hub, "type=Lamp&q=power==7")["by"] == "type"
    hub.stop()
    rows = sqlite3.connect(hub.data / "hub.db").execute(
        "SELECT count(*) FROM entity_value WHERE number NOT IN (SELECT number FROM attribute_index)").fetchone()[0]
    assert rows == 0


def test_an_index_is_built_on_after_a_kill(make_hub, tmp_path):
    folder = pack(tmp_path, "[]")
    hub = make_hub(packs=[folder])
    fill(hub, 3000)
    pack(tmp_path)
    hub.post("/api/v1/packs/reload")
    hub.kill()
    hub.start()
    complete(hub)
    assert explain(hub, "type=Lamp&q=power==7")["by"] == "attribute"
    assert len(ids(hub, "type=Lamp&q=on==true")) == len([e for e in hub_walk(hub) if e["on"]])


def hub_walk(hub):
    out = []
    for offset in range(0, 3000, 1000):
        out += hub.get(f"{ENTITIES}?type=Lamp&limit=1000&offset={offset}&options=keyValues").json
    return out


def test_the_most_selective_index_is_chosen(make_hub, tmp_path):
    hub = make_hub(packs=[pack(tmp_path)])
    fill(hub, 3000)
    complete(hub)
    place = "georel=near;maxDistance==100&geometry=Point&coordinates=[106.5,29.1]"
    assert explain(hub, f"type=Lamp&{place}")["by"] == "place"
    assert explain(hub, f"type=Lamp&{place}&q=street=={'%22Daping%22'}")["by"] == "place"
    assert explain(hub, "type=Lamp&q=power==12&scopeQ=/city/%23")["by"] == "attribute"
    assert explain(hub, "type=Lamp")["by"] == "type"
    assert explain(hub, "id=urn:ngsi-ld:Lamp:00003&type=Lamp")["by"] == "id"
    assert explain(hub, "type=Lamp,Asset&q=note==3")["by"] == "types"
    assert explain(hub, "type=Nothing&q=power==1")["examined"] == 0


def test_a_full_scan_says_so(make_hub, tmp_path):
    hub = make_hub(packs=[pack(tmp_path)])
    fill(hub, 3000)
    complete(hub)
    answer = hub.get(f"{ENTITIES}?type=Lamp&q=note==100")
    assert answer.json == []
    assert answer.headers["Zhongshu-Plan"] == 'full-scan; examined=3000; returned=0; see="/api/v1/explain"'
    assert hub.get(f"{ENTITIES}?type=Lamp&q=power==12").headers["Zhongshu-Plan"] is None
    assert hub.get(f"{ENTITIES}?type=Lamp&offset=2500").headers["Zhongshu-Plan"] is None
    told = explain(hub, "type=Lamp&q=note==100")
    assert told["fullScan"] and told["examined"] == 3000 and told["matched"] == 0
    assert "indexed: [note]" in told["advice"][0]["en"] and "indexed: [note]" in told["advice"][0]["zh"]
    assert "扫描" in told["summary"]["zh"] and "full scan" in told["summary"]["en"]
    assert "Name the type" in explain(hub, "q=note==100")["advice"][0]["en"]
    assert "idPattern" in explain(hub, "type=Lamp&idPattern=x.*")["advice"][0]["en"]


def test_pages_deep_in_are_found_without_reading_what_is_before(make_hub):
    hub = make_hub()
    fill(hub, 2500)
    told = explain(hub, "type=Lamp&offset=2400&limit=10")
    assert told["examined"] <= 11 and told["returned"] == 10
    page = hub.get(f"{ENTITIES}?type=Lamp&offset=2490&limit=20&count=true&options=keyValues")
    assert [e["id"][-5:] for e in page.json] == [f"{n:05d}" for n in range(2490, 2500)]
    assert page.headers["NGSILD-Results-Count"] == "2500"
    assert hub.get(f"{ENTITIES}?type=Lamp&offset=2500&limit=20").json == []
    assert hub.get(f"{ENTITIES}?type=Lamp&offset=99999&limit=20&count=true").headers["NGSILD-Results-Count"] == "2500"
    several = hub.get(f"{ENTITIES}?type=Asset,Lamp&offset=2490&limit=20&options=keyValues").json
    assert [e["id"][-5:] for e in several] == [f"{n:05d}" for n in range(2490, 2500)]


@pytest.mark.parametrize("query,status", [("type=(", 400), ("limit=5000&type=A", 403), ("type=A&unknown=1", 400), ("type=A&q===", 400),
                                          ("type=A&limit=x", 400), ("type=A&georel=near", 400)])
def test_explain_refuses_what_the_query_would_refuse(hub, query, status):
    assert hub.get(f"{EXPLAIN}?{query}").status == status == hub.get(f"{ENTITIES}?{query}").status


@pytest.mark.parametrize("indexed,word,line", [("[power, nothing]", "nothing", 5), ("[area]", "GeoProperty", 5), ("[power, power]", "twice", 5),
                                               ("power", "indexed", 5), ("[1]", "indexed", 5)])
def test_bad_declarations_are_named_with_their_line(tmp_path, indexed, word, line):
    out = program("packs", "check", pack(tmp_path, indexed))
    assert out.returncode != 0
    text = out.stdout + out.stderr
    assert word in text and f"pack.yaml:{line}" in text, text


def test_counts_of_an_older_data_directory_are_made_at_the_start(make_hub):
    """A directory of the schema before counts and indexes is brought up to date from its entities."""
    hub = make_hub()
    entities = fill(hub, 300)
    before = {p: hub.get(p).json for p in ("/ngsi-ld/v1/types/Lamp", "/ngsi-ld/v1/types/Asset", "/ngsi-ld/v1/attributes/power")}
    hub.stop()
    db = sqlite3.connect(hub.data / "hub.db")
    first = ("entity", "entity_type", "entity_scope", "log", "cursor", "kv", "sqlite_sequence")
    newer = [n for n, in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'entity_box%'") if n not in first]
    db.executescript("".join(f"DROP TABLE {n};" for n in newer) + "PRAGMA user_version=1;")
    db.close()
    hub.start()
    assert {p: hub.get(p).json for p in before} == before
    assert hub.get("/ngsi-ld/v1/types/Lamp").json["entityCount"] == len(entities)
    assert json.dumps(hub.get("/ngsi-ld/v1/types?details=true").json)
