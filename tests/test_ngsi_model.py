# SPDX-License-Identifier: Apache-2.0
"""Random operations against a plain dictionary that does the same; also across kills."""
import copy
import random

N = "/ngsi-ld/v1"
IDS = [f"urn:ngsi-ld:T:{n}" for n in range(6)]
NAMES = ["a", "b", "温度", "location"]
NULL = "urn:ngsi-ld:null"


def some_value(rng, name):
    if name == "location":
        return {"type": "Point", "coordinates": [round(rng.uniform(-180, 180), 5), round(rng.uniform(-90, 90), 5)]}
    return rng.choice([rng.randrange(100), round(rng.uniform(-1e6, 1e6), rng.randrange(8)), True, "文本 \"<&", [1, 2, "x"],
                       {"k": rng.randrange(5)}, {"l": {"m": rng.randrange(5)}}])


def some_attributes(rng):
    return {name: some_value(rng, name) for name in rng.sample(NAMES, rng.randrange(1, 4))}


def merged(old, patch):
    if not isinstance(patch, dict):
        return patch
    out = dict(old) if isinstance(old, dict) else {}
    out.update({k: merged(out.get(k), v) for k, v in patch.items()})
    return out


class Model:
    """What each operation should do to {id: {attribute: value}}, and the status it should answer."""

    def __init__(self):
        self.entities = {}

    def create(self, hub, i, given):
        answer = hub.post(f"{N}/entities", {"id": i, "type": "T", **given})
        assert answer.status == (409 if i in self.entities else 201), answer
        self.entities.setdefault(i, given)

    def upsert(self, hub, i, given):
        answer = hub.post(f"{N}/entityOperations/upsert", [{"id": i, "type": "T", **given}])
        assert answer.status == (204 if i in self.entities else 201), answer
        self.entities[i] = given

    def append(self, hub, i, given):
        assert hub.post(f"{N}/entities/{i}/attrs?options=noOverwrite", given).status in (204, 207, 404)
        if i in self.entities:
            self.entities[i] = {**given, **self.entities[i]}

    def update(self, hub, i, given):
        answer = hub.post(f"{N}/entityOperations/update", [{"id": i, **given}])
        assert answer.status == (204 if i in self.entities else 207), answer
        if i in self.entities:
            self.entities[i].update(given)

    def merge(self, hub, i, given):
        answer = hub.patch(f"{N}/entities/{i}", given)
        assert answer.status == (204 if i in self.entities else 404), answer
        if i in self.entities:
            old = self.entities[i]
            old.update({k: v if k == "location" else merged(old.get(k), v) for k, v in given.items()})

    def remove(self, hub, i, given):
        name = next(iter(given))
        known = name in self.entities.get(i, {})
        assert hub.delete(f"{N}/entities/{i}/attrs/{name}").status == (204 if known else 404)
        self.entities.get(i, {}).pop(name, None)

    def delete(self, hub, i, given):
        assert hub.delete(f"{N}/entities/{i}").status == (204 if i in self.entities else 404)
        self.entities.pop(i, None)

    def check(self, hub):
        seen = {e.pop("id"): e for e in hub.get(f"{N}/entities?type=T&options=keyValues&limit=100").json}
        assert seen == {i: {"type": "T", **e} for i, e in self.entities.items()}


def test_random_operations(hub):
    rng = random.Random(20260301)
    model = Model()
    operations = [model.create, model.upsert, model.append, model.update, model.merge, model.remove, model.delete]
    for step in range(600):
        rng.choice(operations)(hub, rng.choice(IDS), copy.deepcopy(some_attributes(rng)))
        if step % 25 == 0:
            model.check(hub)
        if step % 200 == 199:
            hub.kill()
            hub.start()
            model.check(hub)
