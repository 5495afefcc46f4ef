# SPDX-License-Identifier: Apache-2.0
"""Random operations against a plain model in memory: each answer, each query and in the end every entity must agree, across
restarts and kills. OPERATIONS=100000 makes it a long run; SEED another one."""
import http.client
import json
import os
import random

OPERATIONS = int(os.environ.get("OPERATIONS", "8000"))
SEED = os.environ.get("SEED", "11")
NULL = "urn:ngsi-ld:null"
NAMES = ["a", "b", "c", "d"]
DATASETS = [None, None, "urn:d:1", "urn:d:2"]
TYPES = ["Pump", "Pipe", "Gate"]
SCOPES = ["/east", "/east/one", "/west", "/west/two"]
ENTITIES = "/ngsi-ld/v1/entities"
BATCH = "/ngsi-ld/v1/entityOperations/"


class Refused(Exception):
    """The model refuses with this status."""

    def __init__(self, status):
        super().__init__(status)
        self.status = status


class Model:
    """What the specification says of each operation, on dictionaries: an entity is {type: set, scope: list or None, attrs: {(name,
    datasetId): instance}}."""

    def __init__(self):
        self.entities = {}

    def has(self, i):
        if i not in self.entities:
            raise Refused(404)
        return self.entities[i]

    def create(self, i, fragment):
        if i in self.entities:
            raise Refused(409)
        self.entities[i] = {"type": set(fragment["type"]), "scope": fragment["scope"], "attrs": dict(fragment["attrs"])}

    def replace(self, i, fragment):
        types = self.has(i)["type"]
        self.entities[i] = {"type": set(fragment["type"]) or types, "scope": fragment["scope"], "attrs": dict(fragment["attrs"])}

    def update(self, i, fragment, overwrite=True, scope="replace"):
        e = self.has(i)
        skipped = set()
        e["type"] |= set(fragment["type"])
        if fragment["scope"] is not None:
            if scope == "replace" and overwrite:
                e["scope"] = fragment["scope"]
            elif scope == "if there" and e["scope"] is not None:
                e["scope"] = fragment["scope"]
            elif scope == "replace":
                e["scope"] = (e["scope"] or []) + [s for s in fragment["scope"] if s not in (e["scope"] or [])]
        for key, instance in fragment["attrs"].items():
            if instance["value"] == NULL:
                e["attrs"].pop(key, None)
            elif key in e["attrs"] and not overwrite:
                skipped.add(key[0])
            else:
                e["attrs"][key] = instance
        return skipped

    def merge(self, i, fragment):
        e = self.has(i)
        e["type"] |= set(fragment["type"])
        if fragment["scope"] is not None:
            e["scope"] = fragment["scope"]
        for key, instance in fragment["attrs"].items():
            if instance["value"] == NULL:
                e["attrs"].pop(key, None)
            else:
                e["attrs"][key] = {**e["attrs"].get(key, {}), **instance}

    def patch_attribute(self, i, key, part):
        e = self.has(i)
        if key not in e["attrs"]:
            raise Refused(404)
        e["attrs"][key] = {**e["attrs"][key], **part}

    def delete_attribute(self, i, name, dataset, all_of_them):
        e = self.has(i)
        gone = [k for k in e["attrs"] if k[0] == name and (all_of_them or k[1] == dataset)]
        if not gone:
            raise Refused(404)
        for key in gone:
            del e["attrs"][key]

    def delete(self, i):
        self.has(i)
        del self.entities[i]


class Client:
    def __init__(self, hub):
        self.hub = hub
        self.connect()

    def connect(self):
        self.connection = http.client.HTTPConnection("127.0.0.1", self.hub.port, timeout=60)

    def send(self, method, path, body=None):
        self.connection.request(method, path, json.dumps(body) if body is not None else None,
                                {"Content-Type": "application/json"} if body is not None else {})
        answer = self.connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None


def written(fragment, i=None):
    """A fragment as the API takes it."""
    out = {"id": i} if i else {}
    if fragment["type"]:
        out["type"] = sorted(fragment["type"])
    if fragment["scope"] is not None:
        out["scope"] = fragment["scope"]
    for (name, dataset), instance in fragment["attrs"].items():
        one = {"type": "Property", **instance, **({"datasetId": dataset} if dataset else {})}
        if name in out:
            out[name] = [*out[name], one] if isinstance(out[name], list) else [out[name], one]
        else:
            out[name] = one
    return out


def listed(value):
    return value if isinstance(value, list) else [value]


def read(e):
    """An entity of the API as the model keeps it."""
    attrs = {}
    for name in NAMES:
        for instance in listed(e[name]) if name in e else []:
            key = (name, instance.pop("datasetId", None))
            assert instance.pop("type") == "Property" and key not in attrs
            attrs[key] = instance
    known = {"id", "type", "scope", "@context", *NAMES}
    assert not set(e) - known, e
    return {"type": set(listed(e["type"])), "scope": listed(e["scope"]) if "scope" in e else None, "attrs": attrs}


class Play:
    """Draws operations, does each in both worlds and compares."""

    def __init__(self, hub, seed):
        self.hub, self.rng, self.model, self.client = hub, random.Random(seed), Model(), Client(hub)
        self.ids = [f"urn:ngsi-ld:T:{n}" for n in range(150)]
        self.operations = [self.create] * 3 + [self.replace, self.merge, self.append, self.update, self.patch_attribute,
                           self.replace_attribute, self.delete_attribute, self.delete, self.retrieve, self.query] + [self.batch] * 4

    def number(self):
        return self.rng.choice([self.rng.randrange(-5, 50), round(self.rng.uniform(-5, 50), 2)])

    def instance(self, nulls=False):
        if nulls and self.rng.random() < 0.2:
            return {"value": NULL}
        value = self.rng.choice([self.number(), self.number(), "text 文字", True])
        return {"value": value, **({"unitCode": "CEL"} if self.rng.random() < 0.3 else {}),
                **({"observedAt": f"2026-03-01T00:{self.rng.randrange(60):02}:00Z"} if self.rng.random() < 0.3 else {})}

    def fragment(self, typed=True, nulls=False):
        keys = {(self.rng.choice(NAMES), self.rng.choice(DATASETS)) for _ in range(self.rng.randrange(1, 5))}
        kinds = self.rng.sample(TYPES, self.rng.choice([1, 1, 2])) if typed else []
        scope = self.rng.sample(SCOPES, self.rng.choice([1, 2])) if self.rng.random() < 0.3 else None
        return {"type": kinds, "scope": scope, "attrs": {k: self.instance(nulls) for k in sorted(keys, key=str)}}

    def expect(self, ok, change, method, path, body=None):
        """Sends, and compares the status with what the model says of the change."""
        result = None
        try:
            result = change()
            expected = ok
        except Refused as r:
            expected = (r.status,)
        status, answer = self.client.send(method, path, body)
        assert status in expected, (status, expected, method, path, body, answer)
        return status, answer, result

    def create(self):
        i, f = self.rng.choice(self.ids), self.fragment()
        self.expect((201,), lambda: self.model.create(i, f), "POST", ENTITIES, written(f, i))

    def replace(self):
        i, f = self.rng.choice(self.ids), self.fragment()
        self.expect((204,), lambda: self.model.replace(i, f), "PUT", f"{ENTITIES}/{i}", written(f))

    def merge(self):
        i, f = self.rng.choice(self.ids), self.fragment(self.rng.random() < 0.3, nulls=True)
        self.expect((204,), lambda: self.model.merge(i, f), "PATCH", f"{ENTITIES}/{i}", written(f))

    def append(self):
        i, f, keep = self.rng.choice(self.ids), self.fragment(self.rng.random() < 0.3), self.rng.random() < 0.4
        status, answer, skipped = self.expect((204, 207), lambda: self.model.update(i, f, not keep), "POST",
                                              f"{ENTITIES}/{i}/attrs{'?options=noOverwrite' if keep else ''}", written(f))
        assert (status == 207) == bool(skipped), (status, skipped)
        assert not skipped or {x["attributeName"] for x in answer["notUpdated"]} == skipped

    def update(self):
        i, f = self.rng.choice(self.ids), self.fragment(self.rng.random() < 0.3, nulls=True)
        self.expect((204,), lambda: self.model.update(i, f, scope="if there"), "PATCH", f"{ENTITIES}/{i}/attrs", written(f))

    def key(self):
        return self.rng.choice(NAMES), self.rng.choice(DATASETS)

    def patch_attribute(self):
        i, key, part = self.rng.choice(self.ids), self.key(), self.instance()
        body = {**part, **({"datasetId": key[1]} if key[1] else {})}
        self.expect((204,), lambda: self.model.patch_attribute(i, key, part), "PATCH", f"{ENTITIES}/{i}/attrs/{key[0]}", body)

    def replace_attribute(self):
        i, key, new = self.rng.choice(self.ids), self.key(), self.instance()

        def change():
            if key not in self.model.has(i)["attrs"]:
                raise Refused(404)
            self.model.entities[i]["attrs"][key] = new
        body = {"type": "Property", **new, **({"datasetId": key[1]} if key[1] else {})}
        self.expect((204,), change, "PUT", f"{ENTITIES}/{i}/attrs/{key[0]}", body)

    def delete_attribute(self):
        i, (name, dataset), every = self.rng.choice(self.ids), self.key(), self.rng.random() < 0.3
        query = "?deleteAll=true" if every else f"?datasetId={dataset}" if dataset else ""
        self.expect((204,), lambda: self.model.delete_attribute(i, name, dataset, every), "DELETE",
                    f"{ENTITIES}/{i}/attrs/{name}{query}")

    def delete(self):
        i = self.rng.choice(self.ids)
        self.expect((204,), lambda: self.model.delete(i), "DELETE", f"{ENTITIES}/{i}")

    def retrieve(self):
        i = self.rng.choice(self.ids)
        _, answer, _ = self.expect((200,), lambda: self.model.has(i), "GET", f"{ENTITIES}/{i}")
        assert i not in self.model.entities or read(answer) == self.model.entities[i]

    def batch(self):
        """Each member for itself; the answer names those that failed."""
        verb, options, change = self.rng.choice([
            ("create", "", self.model.create),
            ("upsert", "", lambda i, f: self.upsert(i, f, self.model.replace)),
            ("upsert", "?options=update", lambda i, f: self.upsert(i, f, lambda *x: self.model.update(*x, scope="if there"))),
            ("update", "", self.model.update),
            ("update", "?options=noOverwrite", lambda i, f: self.model.update(i, f, overwrite=False)),
            ("merge", "", self.model.merge),
            ("delete", "", None)])
        ids = self.rng.sample(self.ids, self.rng.randrange(1, 8))
        if verb == "delete":
            some = {i: None for i in ids}
            body, change = ids, lambda i, f: self.model.delete(i)
        else:
            some = {i: self.fragment() for i in ids}
            body = [written(f, i) for i, f in some.items()]
        failed, partly = set(), False
        created = any(i not in self.model.entities for i in ids)
        for i, f in some.items():
            try:
                partly = bool(change(i, f)) or partly
            except Refused:
                failed.add(i)
        status, answer = self.client.send("POST", BATCH + verb + options, body)
        if partly and not failed:
            assert status in (204, 207), (status, verb, options, answer)
        elif failed:
            assert status == 207 or (failed == set(ids) and status in (400, 404, 409)), (status, verb, failed, answer)
            if status == 207:
                named = {x["entityId"] for x in answer["errors"]}
                assert named >= failed and (partly or named == failed), (named, failed, answer)
        else:
            assert status == (201 if verb == "create" or (verb == "upsert" and created) else 204), (status, verb, options, answer)

    def upsert(self, i, f, change):
        return change(i, f) if i in self.model.entities else self.model.create(i, f)

    def query(self):
        kind, limit = self.rng.choice([*TYPES, None]), self.rng.choice([1, 7, 1000])
        name, bound, scope = self.rng.choice(NAMES), self.number(), self.rng.choice([None, None, "/east", "/west/%23", "/east/%23"])
        parts = [f"type={kind}"] if kind else ["local=true"]
        wanted = {i: e for i, e in self.model.entities.items() if kind is None or kind in e["type"]}
        q = self.rng.choice([None, f"{name}>{bound}", f"{name}<={bound}", name, f"{name}==true"])
        if q is not None:
            parts.append("q=" + q.replace(">", "%3E").replace("<", "%3C"))
            wanted = {i: e for i, e in wanted.items() if any(holds(q, name, bound, v) for k, v in e["attrs"].items() if k[0] == name)}
        if scope is not None:
            parts.append("scopeQ=" + scope)
            plain = scope.removesuffix("/%23")
            wanted = {i: e for i, e in wanted.items() if any(
                s == plain or (plain != scope and s.startswith(plain + "/")) for s in e["scope"] or [])}
        found, offset = {}, 0
        while True:
            status, answer = self.client.send("GET", f"{ENTITIES}?{'&'.join(parts)}&limit={limit}&offset={offset}")
            assert status == 200, (parts, answer)
            found.update({e["id"]: read(e) for e in answer})
            offset += len(answer)
            if len(answer) < limit or offset > 40:
                break
        if len(answer) < limit:
            assert found == wanted, (parts, sorted(set(found) ^ set(wanted)))
        else:
            assert all(wanted[i] == e for i, e in found.items())

    def everything(self):
        found, offset = {}, 0
        while offset == 0 or answer:
            _, answer = self.client.send("GET", f"{ENTITIES}?local=true&limit=1000&offset={offset}")
            found.update({e["id"]: read(e) for e in answer})
            offset += len(answer) or 1
        assert found == self.model.entities

    def restart(self):
        self.rng.choice([self.hub.kill, self.hub.stop])()
        self.hub.start()
        self.client.connect()


def holds(q, name, bound, instance):
    value = instance["value"]
    if q == name:
        return True
    if q.endswith("==true"):
        return value is True
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return value > bound if ">" in q else value <= bound


def test_random_operations_agree_with_a_plain_model(make_hub):
    play = Play(make_hub(), SEED)
    for n in range(1, OPERATIONS + 1):
        play.rng.choice(play.operations)()
        if n % 2000 == 0:
            play.everything()
            play.restart()
            play.everything()
    play.everything()
    assert len(play.model.entities) > 20
