# SPDX-License-Identifier: Apache-2.0
"""The evidence log over HTTP, and what `zhongshu verify` says when a single byte has been changed."""
import base64
import hashlib
import random
import sqlite3

import pytest

from conftest import ROOT, program, wait_for

CASES = 12


def open_cases(hub):
    ids = []
    for n in range(CASES):
        answer = hub.post("/api/v1/cases", {"workflow": "city-management", "title": f"积水 {n}", "category": "06012",
                                            "severity": "yellow"})
        assert answer.status == 201, answer
        ids.append(answer.json["id"])
    return ids


def leaves(hub):
    text = hub.get("/log/checkpoint")
    return int(text.text.split("\n")[1]) if text.status == 200 else 0


def wait_for_leaves(hub):
    def all_taken():
        health = hub.get("/healthz").json
        return all(seq == health["logEnd"] for seq in health["readers"].values())
    wait_for("the leaves", all_taken)


@pytest.fixture
def sealed(make_hub):
    """A stopped hub with some cases in its log: (data directory, ids of cases, number of leaves)."""
    hub = make_hub(packs=[ROOT / "packs"])
    ids = open_cases(hub)
    wait_for_leaves(hub)
    count = leaves(hub)
    assert count >= CASES
    hub.stop()
    return hub.data, ids, count


def verify(data):
    return program("verify", "--data", data)


def change_byte(data, table, where, parameters, rng):
    """Changes one random bit of a value; returns a function that puts it back."""
    db = sqlite3.connect(data / "hub.db")
    column = "body" if table == "entity" else "value"
    old = bytes(db.execute(f"SELECT {column} FROM {table} WHERE {where}", parameters).fetchone()[0])
    at = rng.randrange(len(old))
    new = old[:at] + bytes([old[at] ^ (1 << rng.randrange(7))]) + old[at + 1:]

    def write(value):
        db.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (value, *parameters))
        db.commit()

    write(new)
    return lambda: (write(old), db.close())


def test_an_untouched_log_verifies(sealed):
    out = verify(sealed[0])
    assert out.returncode == 0 and f"{sealed[2]} leaves" in out.stdout and " 0 faults" in out.stdout


def test_any_changed_leaf_is_named(sealed):
    data, _, count = sealed
    rng = random.Random(1)
    for index in range(count):
        undo = change_byte(data, "kv", "space = 'ledger.leaf' AND key = ?", (index.to_bytes(8, "big"),), rng)
        out = verify(data)
        undo()
        assert out.returncode == 1 and f"leaf {index} " in out.stdout.lower() + " ", (index, out.stdout, out.stderr)
    assert verify(data).returncode == 0


def test_any_changed_case_is_named(sealed):
    data, ids, _ = sealed
    rng = random.Random(2)
    for identifier in ids:
        for _ in range(3):
            undo = change_byte(data, "entity", "id = ?", (identifier,), rng)
            out = verify(data)
            undo()
            assert out.returncode == 1 and identifier in out.stdout + out.stderr, (identifier, out.stdout, out.stderr)
    assert verify(data).returncode == 0


def test_a_changed_checkpoint_is_named(sealed):
    data = sealed[0]
    rng = random.Random(3)
    for _ in range(40):
        undo = change_byte(data, "kv", "space = 'ledger.state' AND key = ?", (b"checkpoint",), rng)
        out = verify(data)
        undo()
        assert out.returncode == 1 and "checkpoint" in (out.stdout + out.stderr).lower(), (out.stdout, out.stderr)


def test_a_removed_or_invented_case_is_named(sealed):
    data, ids, _ = sealed
    db = sqlite3.connect(data / "hub.db")
    row = db.execute("SELECT id, body FROM entity WHERE id = ?", (ids[0],)).fetchone()
    db.execute("DELETE FROM entity WHERE id = ?", (ids[0],))
    db.commit()
    out = verify(data)
    assert out.returncode == 1 and ids[0] in out.stdout
    db.execute("INSERT INTO entity(id, body) VALUES (?, ?)", (ids[0], row[1]))
    db.commit()
    db.close()


def hash_node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def test_the_tiles_give_the_root_of_the_checkpoint(make_hub):
    """Another implementation's way: read the entries over HTTP, hash them, compare with the signed root."""
    hub = make_hub(packs=[ROOT / "packs"])
    open_cases(hub)
    wait_for_leaves(hub)
    size = leaves(hub)
    entries = hub.get(f"/log/tile/entries/000.p/{size}").body
    level = []
    while entries:
        length = int.from_bytes(entries[:2], "big")
        level.append(hashlib.sha256(b"\x00" + entries[2:2 + length]).digest())
        entries = entries[2 + length:]
    assert len(level) == size
    assert hub.get(f"/log/tile/0/000.p/{size}").body == b"".join(level)

    def root(nodes):
        if len(nodes) == 1:
            return nodes[0]
        split = 1
        while split * 2 < len(nodes):
            split *= 2
        return hash_node(root(nodes[:split]), root(nodes[split:]))

    lines = hub.get("/log/checkpoint").text.split("\n")
    assert int(lines[1]) == size and base64.b64decode(lines[2]) == root(level)
