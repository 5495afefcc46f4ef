# SPDX-License-Identifier: Apache-2.0
"""The whole road: a reading over MQTT becomes an entity, an alarm, a case; the right people bring it to its end; the
evidence log proves it; a browser shows it."""
import re

import pytest

from browser import Browser
from conftest import ROOT, program, wait_for, write_password

PASSWORD = "correct horse battery"
PEOPLE = {"zhou": "acceptor", "wu": "supervisor", "zheng": "dispatcher", "wang": "handler", "feng": "inspector",
          "chen": "evaluator", "admin": "admin"}
NODE = "urn:ngsi-ld:DrainageNode:n1"
PIXEL = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360"
                      "f8cf500f0003060181a6a2a5730000000049454e44ae426082")


def make_people(data, folder):
    for name, role in PEOPLE.items():
        out = program("user", "add", name, "--data", data, "--role", role, "--display-name", name.title(),
                      "--password-file", write_password(folder, PASSWORD))
        assert out.returncode == 0, out.stderr


def node():
    return {"id": NODE, "type": "DrainageNode", "scope": ["/渝中区/大坪街道"],
            "name": {"type": "Property", "value": "大坪正街 1 号井"},
            "network": {"type": "Property", "value": "sewage"},
            "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [106.519, 29.541]}}}


class Office:
    """The people at their desks: each acts with a session of their own."""

    def __init__(self, hub):
        self.hub = hub
        self.tokens = {name: hub.sign_in(name, PASSWORD) for name in PEOPLE}

    def get(self, path, who="admin"):
        return self.hub.get(path, token=self.tokens[who])

    def act(self, who, case, action, **body):
        return self.hub.post(f"/api/v1/cases/{case}/actions/{action}", body, token=self.tokens[who])

    def photo(self, who):
        answer = self.hub.post("/api/v1/attachments", PIXEL, token=self.tokens[who],
                               headers={"Content-Type": "image/png", "X-Filename": "after.png"})
        assert answer.status in (200, 201), answer
        return answer.json["sha256"]


@pytest.fixture
def office(make_hub, broker, tmp_path):
    folder = tmp_path / "hub"
    folder.mkdir()
    make_people(folder / "data", tmp_path)
    hub = make_hub(folder=folder, auth="on", packs=[ROOT / "packs"], mqtt=broker)
    return Office(hub)


def bring_to_its_end(office, case):
    """The seven steps, each by the right person; on the way each wrong one is refused."""
    refused = office.act("wang", case, "accept")
    assert refused.status == 403 and "acceptor" in refused.json["detail"], refused
    illegal = office.act("chen", case, "evaluate", form={"score": 90})
    assert illegal.status == 409 and "accept" in illegal.json["detail"], illegal
    steps = [("zhou", "accept", {}), ("wu", "file", {}),
             ("zheng", "dispatch", {"form": {"department": "市政养护一所", "handler": "wang"}}),
             ("wang", "finish", {"form": {"measure": "已复位井盖", "photo": office.photo("wang")}}),
             ("feng", "pass", {}), ("wu", "close", {}), ("chen", "evaluate", {"form": {"score": 95, "grade": "good"}})]
    for who, action, body in steps:
        answer = office.act(who, case, action, **body)
        assert answer.status == 200, (action, answer)
    return steps


@pytest.mark.browser
def test_the_whole_road(office, broker, tmp_path):
    hub = office.hub
    assert hub.post("/ngsi-ld/v1/entityOperations/upsert", [node()], token=office.tokens["admin"]).status == 201
    broker.publish("zs/drainage/node/n1/reading", {"ts": "2026-11-20T02:00:00Z", "level": 0.4, "coverOpen": True})
    entity = wait_for("the reading", lambda: (hub.entity(NODE, token=office.tokens["admin"]) or {}).get("coverOpen")
                      and hub.entity(NODE, token=office.tokens["admin"]))
    assert entity["level"]["value"] == 0.4 and entity["level"]["unitCode"] == "MTR"

    alarms = wait_for("the alarm", lambda: office.get("/api/v1/alarms?rule=sewage-cover-open").json["items"])
    assert len(alarms) == 1 and alarms[0]["severity"] == "orange" and alarms[0]["source"]["id"] == NODE
    cases = wait_for("the case", lambda: office.get("/api/v1/cases").json["items"])
    assert len(cases) == 1 and cases[0]["state"] == "reported"
    case = cases[0]["id"]

    steps = bring_to_its_end(office, case)
    page = office.get(f"/api/v1/cases/{case}").json
    assert page["state"] == "evaluated"
    people = [(t["by"], t["action"]) for t in page["timeline"] if t["by"] in PEOPLE]
    assert people == [(who, action) for who, action, _ in steps]

    proof = wait_for("the proof", lambda: (p := office.get(f"/api/v1/cases/{case}/proof").json)
                     and len(p["leaves"]) >= len(page["timeline"]) and p)
    assert proof["checkpoint"]
    out = program("verify", "--data", hub.data)
    assert out.returncode == 0 and " 0 faults" in out.stdout, out.stdout + out.stderr

    browser = Browser()
    try:
        browser.open(hub.url + "/")
        browser.type("input[autocomplete=username]", "admin")
        browser.type("input[autocomplete=current-password]", PASSWORD + "\n")
        browser.wait_text("态势")
        browser.open(f"{hub.url}/cases/{case}")
        browser.wait_text("已考评")
        assert re.search("污水井盖", browser.text())
        browser.open(f"{hub.url}/entities/{NODE}")
        browser.wait_text("大坪正街 1 号井")
        # The page changes by itself while somebody looks at it.
        broker.publish("zs/drainage/node/n1/reading", {"ts": "2026-11-20T02:05:00Z", "level": 1.234, "coverOpen": False})
        browser.wait_text(r"1\.23")
        assert browser.errors() == []
    finally:
        browser.close()
