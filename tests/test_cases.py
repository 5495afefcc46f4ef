# SPDX-License-Identifier: Apache-2.0
"""Cases over HTTP: the seven steps, who may do what when, deadlines, alarms, attachments, lists."""
import csv
import hashlib
import io
import json
import re

import pytest

from conftest import ROOT, program, wait_for
from test_identity import PASSWORD, add_user

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40
HERE = "/渝中区/大坪街道"
PEOPLE = {"acceptor": "shou", "dispatcher": "pai", "handler": "chu", "inspector": "cha", "supervisor": "zhi",
          "evaluator": "kao"}
PATH = {  # how each state of the workflow is reached
    "reported": [], "accepted": ["accept"], "not-accepted": ["reject"], "duplicate": ["mark-duplicate"],
    "void": ["void"], "not-filed": ["accept", "decline"], "dispatching": ["accept", "file"],
    "not-responsible": ["accept", "file", "refer"], "handling": ["accept", "file", "dispatch"],
    "extension": ["accept", "file", "dispatch", "ask-extension"],
    "suspended": ["accept", "file", "dispatch", "suspend"], "checking": ["accept", "file", "dispatch", "finish"],
    "cannot-fix": ["accept", "file", "dispatch", "suspend", "give-up"],
    "closing": ["accept", "file", "dispatch", "finish", "pass"],
    "fixed": ["accept", "file", "dispatch", "finish", "pass", "close"],
    "evaluated": ["accept", "file", "dispatch", "finish", "pass", "close", "evaluate"],
}


class Office:
    """A hub with the city pack and one person for each role."""

    def __init__(self, make_hub, folder, packs=("city",)):
        folder.mkdir()
        add_user(folder, "root", "admin")
        for role, name in PEOPLE.items():
            add_user(folder, name, role, organisation="环卫所" if role == "handler" else "")
        self.folder = folder
        self.hub = make_hub(folder=folder, auth="on", packs=[ROOT / "packs" / p if isinstance(p, str) else p for p in packs])
        self.tokens = {role: self.hub.sign_in(name, PASSWORD) for role, name in PEOPLE.items()}
        self.tokens["admin"] = self.hub.sign_in("root", PASSWORD)
        self.workflow = {w["name"]: w for w in self.hub.get("/api/v1/workflows", token=self.tokens["admin"]).json["items"]}
        self.photo = None

    def call(self, role, method, path, body=None, **kw):
        return self.hub.request(method, path, body, token=self.tokens[role], **kw)

    def open(self, **fields):
        body = {"workflow": "city-management", "title": "暴露垃圾", "category": "06010", "scope": HERE, **fields}
        answer = self.call("acceptor", "POST", "/api/v1/cases", body)
        assert answer.status == 201, answer
        return answer.json

    def send_photo(self):
        if not self.photo:
            answer = self.call("handler", "POST", "/api/v1/attachments", PNG, headers={"X-Filename": "%E7%85%A7.png"})
            assert answer.status == 201, answer
            self.photo = answer.json["sha256"]
        return self.photo

    def body(self, action):
        """A form filled in as the workflow asks."""
        values = {"text": "20261121-000001", "longtext": "清运完毕", "number": 2, "date": "2026-12-01", "department": "环卫所",
                  "user": "chu"}
        form = {}
        for f in action["form"]:
            if f["kind"] == "photo":
                form[f["name"]] = [self.send_photo()]
            elif f["kind"] == "choice":
                form[f["name"]] = f["options"][0]["value"]
            else:
                form[f["name"]] = values[f["kind"]]
        return {"form": form, **({"comment": "理由充分"} if action["comment"] == "required" else {})}

    def action(self, name):
        return next(a for a in self.workflow["city-management"]["actions"] if a["name"] == name)

    def act(self, case, name, role=None, **kw):
        action = self.action(name)
        return self.call(role or action["roles"][0], "POST", f"/api/v1/cases/{case}/actions/{name}", self.body(action), **kw)

    def case_in(self, state):
        case = self.open()["id"]
        for name in PATH[state]:
            answer = self.act(case, name)
            assert answer.status == 200, (name, answer)
        return case

    def read(self, case, role="admin"):
        return self.call(role, "GET", f"/api/v1/cases/{case}").json


@pytest.fixture
def office(make_hub, tmp_path):
    return Office(make_hub, tmp_path / "office")


def test_the_seven_steps_by_the_right_people(office):
    case = office.case_in("evaluated")
    done = office.read(case)
    assert done["state"] == "evaluated" and done["closeReason"] == "fixed" and done["closedAt"]
    assert [t["action"] for t in done["timeline"]] == ["open"] + PATH["evaluated"]
    assert [t["by"] for t in done["timeline"]] == ["shou", "shou", "zhi", "pai", "chu", "cha", "zhi", "kao"]
    assert [t["n"] for t in done["timeline"]] == list(range(1, 9))
    assert done["assignee"] == "chu" and done["department"] == "环卫所"
    stages = {d["name"]: d["state"] for d in done["deadlines"]}
    assert stages == {n: "met" for n in ["accept", "file", "dispatch", "handle", "check", "close", "evaluate"]}
    assert not done["actions"]


def test_every_state_action_and_role(office):
    """Legal by the workflow's own table means 200 or a missing field; else 409 with the actions, 403 with the roles."""
    workflow = office.workflow["city-management"]
    tried = 0
    for state in [s["name"] for s in workflow["states"]]:
        case = office.case_in(state)
        before = office.read(case)
        possible = [a["name"] for a in workflow["actions"] if state in a["from"]]
        for action in workflow["actions"]:
            for role in PEOPLE:
                tried += 1
                answer = office.call(role, "POST", f"/api/v1/cases/{case}/actions/{action['name']}", {"form": {"no": 1}})
                where = (state, action["name"], role, answer)
                if action["name"] not in possible:
                    assert answer.status == 409, where
                    assert all(name in answer.json["detail"] for name in possible), where
                elif role not in action["roles"]:
                    assert answer.status == 403 and all(r in answer.json["detail"] for r in action["roles"]), where
                else:
                    assert answer.status == 400 and '"no"' in answer.json["detail"], where
        assert office.read(case) == before
    assert tried == len(workflow["states"]) * len(workflow["actions"]) * len(PEOPLE)


@pytest.mark.parametrize("state, action, then", [
    ("handling", "return", "dispatching"), ("extension", "grant-extension", "handling"),
    ("extension", "refuse-extension", "handling"), ("suspended", "resume", "handling"), ("checking", "rework", "handling"),
    ("fixed", "reopen", "dispatching"), ("handling", "urge", "handling"), ("checking", "give-up", "cannot-fix"),
])
def test_side_paths(office, state, action, then):
    case = office.case_in(state)
    answer = office.act(case, action)
    assert answer.status == 200 and answer.json["state"] == then
    assert (answer.json["closedAt"] is not None) == (then == "cannot-fix")


def test_only_the_actions_one_may_take_are_offered(office):
    case = office.case_in("dispatching")
    mine = {a["name"]: a for a in office.read(case, "dispatcher")["actions"]}
    assert set(mine) == {"dispatch", "refer"}
    fields = {f["name"]: f for f in mine["dispatch"]["form"]}
    assert fields["handler"]["options"] == [{"value": "chu", "title": "chu 同志(环卫所)"}]
    assert fields["department"]["options"] == [{"value": "环卫所", "title": "环卫所"}]
    seen = office.read(case, "handler")
    assert not seen["actions"] and {"action": "dispatch", "roles": ["dispatcher"]}.items() <= seen["allowed_elsewhere"][1].items()


def test_the_checker_is_another_person(office):
    office.call("admin", "PATCH", "/api/v1/users/chu", {"roles": ["handler", "inspector"]})
    case = office.case_in("checking")
    answer = office.act(case, "pass", role="handler")
    assert answer.status == 403 and "another person" in answer.json["detail"]
    assert office.act(case, "pass", role="inspector").status == 200


def test_only_the_assignee_handles(office):
    office.call("admin", "POST", "/api/v1/users", {"name": "wai", "password": PASSWORD, "roles": ["handler"]})
    office.tokens["outsider"] = office.hub.sign_in("wai", PASSWORD)
    case = office.case_in("handling")
    answer = office.act(case, "finish", role="outsider")
    assert answer.status == 403 and "chu" in answer.json["detail"]


def test_the_area_of_an_account_bounds_what_it_does(office):
    office.call("admin", "PATCH", "/api/v1/users/shou", {"area": "/渝中区/解放碑街道"})
    body = {"workflow": "city-management", "title": "x", "scope": HERE}
    assert office.call("acceptor", "POST", "/api/v1/cases", body).status == 403
    case = office.call("admin", "POST", "/api/v1/cases", body).json["id"]
    answer = office.act(case, "accept")
    assert answer.status == 403 and "/渝中区/解放碑街道" in answer.json["detail"]
    own = office.call("acceptor", "POST", "/api/v1/cases", {"workflow": "city-management", "title": "x"}).json
    assert own["scope"] == "/渝中区/解放碑街道"
    assert office.act(own["id"], "accept").status == 200


def test_suspension_stops_the_clock_and_extension_moves_it(office):
    case = office.case_in("suspended")
    held = office.read(case)
    assert held["deadline"] is None
    assert next(d for d in held["deadlines"] if d["name"] == "handle")["state"] == "paused"
    office.act(case, "resume")
    due = office.read(case)["deadline"]
    office.act(case, "ask-extension")
    office.act(case, "grant-extension")
    assert office.read(case)["deadline"] > due


def test_if_match_refuses_what_has_changed(office):
    case = office.open()["id"]
    tag = office.call("acceptor", "GET", f"/api/v1/cases/{case}").headers["ETag"]
    office.call("acceptor", "POST", f"/api/v1/cases/{case}/comments", {"text": "在途"})
    assert office.act(case, "accept", headers={"If-Match": tag}).status == 409
    assert office.act(case, "accept", headers={"If-Match": '"2"'}).status == 200
    assert office.act(case, "file", headers={"If-Match": "yes"}).status == 400


def test_comments(office):
    case = office.open()["id"]
    path = f"/api/v1/cases/{case}/comments"
    hostile = "<script>alert(1)</script>'; DROP TABLE x; --"
    answer = office.call("inspector", "POST", path, {"text": hostile, "attachments": [office.send_photo()]})
    assert answer.status == 201 and answer.json["timeline"][-1]["comment"] == hostile
    assert answer.json["timeline"][-1]["attachments"][0]["name"] == "照.png"
    for body in [{"text": ""}, {"text": "x" * 20001}, {}, {"text": 5}, {"text": "\u0007"}, {"text": "x", "attachments": ["0" * 64]}]:
        assert office.call("inspector", "POST", path, body).status == 400, body
    assert office.call("inspector", "POST", "/api/v1/cases/urn:ngsi-ld:Case:none/comments", {"text": "x"}).status == 404


@pytest.mark.parametrize("change", [
    {"title": ""}, {"title": "x" * 301}, {"title": 5}, {"title": "a\nb"}, {"workflow": "none"}, {"category": "99999"},
    {"severity": "purple"}, {"scope": "渝中"}, {"scope": "/a/"}, {"location": {"type": "Point", "coordinates": [200, 1]}},
    {"location": {"type": "Polygon", "coordinates": []}}, {"location": {"type": "Point", "coordinates": ["1", 2]}},
    {"source": "no uri"}, {"attachments": ["zz"]}, {"colour": 1},
])
def test_opening_refuses_what_is_wrong(office, change):
    body = {"workflow": "city-management", "title": "t", **change}
    answer = office.call("acceptor", "POST", "/api/v1/cases", body)
    assert answer.status == 400, answer
    assert office.call("acceptor", "GET", "/api/v1/cases").json["total"] == 0


def test_attachments_are_kept_by_content(office):
    text = "说明\n".encode()
    sent = office.call("handler", "POST", "/api/v1/attachments", text, headers={"X-Filename": "..%2F..%2F%E8%AF%B4%E6%98%8E.txt"})
    assert sent.json == {"sha256": hashlib.sha256(text).hexdigest(), "size": len(text), "name": "说明.txt", "type": "text/plain"}
    got = office.call("inspector", "GET", "/api/v1/attachments/" + sent.json["sha256"])
    assert got.body == text and got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''%E8")
    image = office.call("inspector", "GET", "/api/v1/attachments/" + office.send_photo())
    assert image.headers["Content-Type"] == "image/png" and image.headers["Content-Disposition"].startswith("inline")
    for bad in [b"", b"\x7fELF\x02\x01\x01", b"MZ\x90\x00", b"\xff\xfe\x00", b"PK\x03\x04"]:
        assert office.call("handler", "POST", "/api/v1/attachments", bad).status in (400, 411, 415), bad
    for path in ["0" * 64, "..%2Fhub.db", "x"]:
        assert office.call("handler", "GET", "/api/v1/attachments/" + path).status == 404


def test_html_dressed_as_text_is_served_as_plain_text(office):
    page = b"<html><script>alert(1)</script></html>"
    sent = office.call("handler", "POST", "/api/v1/attachments", page, headers={"Content-Type": "text/html"}).json
    got = office.call("handler", "GET", "/api/v1/attachments/" + sent["sha256"])
    assert sent["type"] == "text/plain" and got.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert got.headers["Content-Disposition"].startswith("attachment") and "sandbox" in got.headers["Content-Security-Policy"]


def test_lists_filter_count_sort_and_page(office):
    first = office.open(title="一号", severity="red")["id"]
    second = office.open(title="二号", severity="blue", scope="/渝中区/解放碑街道")["id"]
    third = office.open(title="three", severity="yellow", scope=HERE + "/马家堡社区")["id"]
    office.act(second, "accept")

    def ids(query, role="acceptor"):
        answer = office.call(role, "GET", "/api/v1/cases?" + query)
        assert answer.status == 200, answer
        return [c["id"] for c in answer.json["items"]]

    assert ids("") == [third, second, first] and ids("sort=openedAt") == [first, second, third]
    assert ids("sort=priority") == [first, third, second]
    assert ids("state=accepted") == [second] and ids("state=accepted,reported&sort=number") == [first, second, third]
    assert ids("scope=" + HERE) == [third, first] and ids("severity=red") == [first]
    assert ids("q=THREE") == [third] and ids("q=" + first[-6:]) == [first]
    assert ids("mine=true", "supervisor") == [third, second, first] and ids("mine=true", "dispatcher") == []
    assert ids("mine=true", "evaluator") == [] and ids("overdue=true") == [] and len(ids("open=true")) == 3
    assert ids("limit=1&offset=1") == [second]
    page = office.call("acceptor", "GET", "/api/v1/cases?state=accepted").json
    assert page["total"] == 1 and page["states"] == {"reported": 2, "accepted": 1}
    for bad in ["sort=colour", "limit=x", "limit=-1", "offset=1e9"]:
        assert office.call("acceptor", "GET", "/api/v1/cases?" + bad).status == 400, bad


def test_csv_opens_in_a_spreadsheet(office):
    office.open(title='=HYPERLINK("http://evil"), "x"', severity="red")
    answer = office.call("acceptor", "GET", "/api/v1/cases?format=csv&lang=zh")
    assert answer.body.startswith(b"\xef\xbb\xbf") and answer.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(answer.text[1:])))
    assert rows[0][:4] == ["案号", "标题", "流程", "状态"] and len(rows) == 2 and len(rows[1]) == len(rows[0])
    assert rows[1][1] == '\'=HYPERLINK("http://evil"), "x"' and rows[1][3] == "待受理"


def test_numbers_count_up_by_day(office):
    numbers = [office.open()["number"] for _ in range(3)]
    assert all(re.fullmatch(r"20\d{6}-\d{6}", n) for n in numbers)
    assert [int(n[-6:]) for n in numbers] == [1, 2, 3]


# ---- alarms and clocks: a pack of their own ----

QUICK = """
pack: {name: quick, version: 1.0.0, title: Quick}
roles:
  worker: {title: {zh: 工人, en: Worker}, permissions: [cases.act]}
workflows:
  quick:
    title: Quick
    start: todo
    states:
      todo: {title: To do}
      done: {title: Done, kind: closed, reason: fixed}
    actions:
      finish: {title: Finish, from: todo, to: done, roles: worker}
    deadlines:
      todo:
        title: To do
        states: todo
        within: %s
        clock: always
        remind: [%s]
        escalate: [{after: 0m, raise: true, notify: worker}]
    from:
      - {type: Gauge, category: "X1"}
categories:
  matters:
    X: {title: Own, local: true, items: {X1: {zh: 水位, en: Level}}}
"""


def quick_pack(tmp_path, within="2s", remind="1s"):
    folder = tmp_path / "quick"
    folder.mkdir(exist_ok=True)
    (folder / "pack.yaml").write_text(QUICK % (within, remind))
    return folder


def raise_alarm(hub, n, severity="yellow"):
    gauge = {"id": f"urn:ngsi-ld:Gauge:{n}", "type": "Gauge", "name": {"type": "Property", "value": f"G{n}"}}
    alarm = {"id": f"urn:ngsi-ld:Alarm:high:Gauge:{n}:20260301T000000Z", "type": "Alarm", "scope": HERE,
             "rule": {"type": "Property", "value": "high"}, "status": {"type": "Property", "value": "active"},
             "severity": {"type": "Property", "value": severity},
             "source": {"type": "Relationship", "object": gauge["id"]},
             "title": {"type": "LanguageProperty", "languageMap": {"zh": "水位高", "en": "Level high"}}}
    for entity in (gauge, alarm):
        assert hub.post("/ngsi-ld/v1/entities", entity).status == 201
    return alarm["id"], alarm["id"].replace(":Alarm:", ":Case:")


def change(hub, alarm, **values):
    body = {name: {"type": "Property", "value": value} for name, value in values.items()}
    assert hub.patch(f"/ngsi-ld/v1/entities/{alarm}/attrs", body).status in (204, 207)


def timeline(hub, case):
    answer = hub.get(f"/api/v1/cases/{case}")
    return [t["action"] for t in answer.json["timeline"]] if answer.status == 200 else []


def test_an_alarm_opens_one_case_and_leaves_notes(make_hub, tmp_path):
    hub = make_hub(packs=[quick_pack(tmp_path, "2h", "1h")])
    alarm, case = raise_alarm(hub, 1)
    opened = wait_for("the case", lambda: timeline(hub, case)) and hub.get(f"/api/v1/cases/{case}").json
    assert opened["title"] == {"zh": "水位高", "en": "Level high"} and opened["category"] == {"zh": "水位", "en": "Level"}
    assert opened["source"] == {"id": "urn:ngsi-ld:Gauge:1", "type": "Gauge", "name": "G1"}
    assert opened["alarm"] == alarm and opened["scope"] == HERE and opened["severity"] == "yellow"
    change(hub, alarm, severity="red")
    wait_for("the upgrade", lambda: timeline(hub, case) == ["open", "alarm-severity"])
    change(hub, alarm, status="cleared")
    wait_for("the end", lambda: timeline(hub, case) == ["open", "alarm-severity", "alarm-cleared"])
    assert hub.get(f"/api/v1/cases/{case}").json["severity"] == "red"
    hub.delete(f"/ngsi-ld/v1/entities/{alarm}")
    assert hub.post(f"/api/v1/cases/{case}/actions/finish").json["state"] == "done"


def test_killed_at_any_moment_no_alarm_is_lost_or_doubled(make_hub, tmp_path):
    hub = make_hub(packs=[quick_pack(tmp_path, "2h", "1h")])
    cases = []
    for round_ in range(6):
        cases += [raise_alarm(hub, round_ * 10 + n)[1] for n in range(10)]
        hub.kill()
        hub.start()
    listed = wait_for("all cases", lambda: (lambda j: j if j["total"] == 60 else None)(hub.get("/api/v1/cases?limit=100").json))
    assert sorted(c["id"] for c in listed["items"]) == sorted(cases)
    assert len({c["number"] for c in listed["items"]}) == 60
    assert all(timeline(hub, c) == ["open"] for c in cases)


def test_reminder_overdue_and_escalation_once_each(make_hub, tmp_path):
    hub = make_hub(packs=[quick_pack(tmp_path)])
    case = hub.post("/api/v1/cases", {"workflow": "quick", "title": "t", "severity": "yellow"}).json["id"]
    expected = ["open", "remind", "overdue", "escalate"]
    wait_for("the escalation", lambda: timeline(hub, case) == expected)
    seen = hub.get(f"/api/v1/cases/{case}").json
    assert seen["overdue"] and seen["priority"] == 2 and seen["timeline"][-1]["notify"] == ["worker"]
    assert all(t["by"] == "system" for t in seen["timeline"][1:])
    assert hub.get("/api/v1/cases?overdue=true").json["total"] == 1
    hub.kill()
    hub.start()
    later = hub.post("/api/v1/cases", {"workflow": "quick", "title": "t"}).json["id"]
    wait_for("the clock after the restart", lambda: timeline(hub, later) == expected)
    assert timeline(hub, case) == expected


def test_a_changed_pack_sets_the_clocks_anew(make_hub, tmp_path):
    pack = quick_pack(tmp_path, "2h", "1h")
    hub = make_hub(packs=[pack])
    hub.post("/api/v1/cases", {"workflow": "quick", "title": "before"})
    quick_pack(tmp_path, "1s", "1h")
    assert hub.post("/api/v1/packs/reload").status in (200, 204)
    case = hub.post("/api/v1/cases", {"workflow": "quick", "title": "after"}).json["id"]
    wait_for("overdue", lambda: "overdue" in timeline(hub, case))


def test_mistakes_in_a_pack_are_named_with_their_line(tmp_path):
    pack = quick_pack(tmp_path)
    text = (pack / "pack.yaml").read_text().replace("to: done", "to: nowhere").replace("within: 2s", "within: soon")
    (pack / "pack.yaml").write_text(text)
    out = program("packs", "check", pack)
    lines = text.splitlines()
    line = 1 + next(i for i, l in enumerate(lines) if "nowhere" in l)
    assert out.returncode == 1 and f'pack.yaml:{line}: There is no state "nowhere"' in out.stdout + out.stderr
    assert '"soon" is no length' in out.stdout + out.stderr and 'No action leads to the state "done"' in out.stdout + out.stderr


def test_the_example_of_the_manual(make_hub, tmp_path):
    page = (ROOT / "docs/packs/workflows.md").read_text()
    example = re.search(r"```yaml pack=lamps\n(.*?)```", page, re.S).group(1)
    folder = tmp_path / "lamps"
    folder.mkdir()
    (folder / "pack.yaml").write_text(example)
    hub = make_hub(packs=[folder])
    case = hub.post("/api/v1/cases", {"workflow": "lamp", "title": "路灯不亮", "severity": "blue"}).json
    assert case["state"] == "reported" and case["deadline"]
    steps = json.loads(re.search(r"```json\n(\[.*?)```", page, re.S).group(1))
    for step in steps:
        answer = hub.post(f"/api/v1/cases/{case['id']}/actions/{step['action']}", step["body"])
        assert answer.status == 200 and answer.json["state"] == step["state"], answer
