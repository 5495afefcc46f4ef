# SPDX-License-Identifier: Apache-2.0
"""SQL and HTML in every text that people and machines can give us: kept as it is or refused, executed nowhere."""
import csv
import io
import urllib.parse

import pytest

from browser import Browser
from conftest import Hub, wait_for
from test_identity import PASSWORD, add_user

SQL = "'; DROP TABLE entity; DELETE FROM log; --"
HTML = "<img src=x onerror=\"window.pwned=1\"><script>window.pwned=1</script>{{constructor.constructor('window.pwned=1')()}}"
EVIL = HTML + SQL
PACK = f"""
pack: {{name: p, version: 1.0.0, title: "Pack <script>window.pwned=1</script>"}}
types:
  Gauge:
    title: "Gauge <img src=x onerror='window.pwned=1'>"
    layer: true
    primary: level
    name_attribute: name
    attributes:
      name: {{title: "Name <script>window.pwned=1</script>", value: text}}
      level: {{title: "Level <img src=x onerror='window.pwned=1'>", value: number, unit: "<b>m</b>", chart: true}}
      location: {{title: Place, kind: GeoProperty}}
inputs:
  - name: readings
    topic: "zs/{{gauge}}/reading"
    id: "urn:ngsi-ld:Gauge:{{gauge}}"
    type: Gauge
    time: {{from: ts}}
    attributes: {{level: {{from: level}}, name: {{value: text}}, location: {{lon: lon, lat: lat}}}}
  - name: rows
    payload: row
    id: "urn:ngsi-ld:Gauge:{{no}}"
    type: Gauge
    time: {{from: ts}}
    attributes: {{level: {{from: level}}, name: {{value: text}}}}
rules:
  - name: high
    title: "High <script>window.pwned=1</script>"
    type: Gauge
    when: "level > 10"
    severity: red
    message: "{{name}} <script>window.pwned=1</script>"
workflows:
  small:
    title: "Flow <script>window.pwned=1</script>"
    start: open
    states:
      open: {{title: "Open <img src=x onerror='window.pwned=1'>"}}
      done: {{title: Done, kind: closed}}
    actions:
      finish:
        title: "Finish <script>window.pwned=1</script>"
        from: open
        to: done
        roles: [admin]
        form: [{{name: what, title: "What <script>window.pwned=1</script>", kind: text}}]
"""
GAUGE = "urn:ngsi-ld:Gauge:g"


class Poisoned:
    """A hub that has been told hostile texts wherever it takes one."""

    def __init__(self, folder, broker):
        pack = folder / "p"
        pack.mkdir()
        (pack / "pack.yaml").write_text(PACK)
        add_user(folder, "root", "admin")
        self.hub = Hub(folder, auth="on", packs=[pack], mqtt=broker).start()
        self.hub.token = self.hub.sign_in("root", PASSWORD)
        self.broker = broker

    def fill(self):
        hub, post = self.hub, self.hub.post
        user = {"name": "eve", "displayName": EVIL[:120], "password": PASSWORD, "roles": ["viewer"], "organisation": EVIL[:120]}
        assert post("/api/v1/users", user).status == 201
        wait_for("the broker", lambda: hub.get("/api/v1/inputs").json["broker"]["connected"])
        self.broker.publish("zs/g/reading", {"ts": "2026-03-01T00:00:00Z", "level": 50, "name": EVIL, "lon": 106.5, "lat": 29.5})
        self.broker.publish("zs/" + EVIL.replace("/", "|").replace("#", "").replace("+", "") + "/reading", EVIL)
        self.broker.publish("zs/h/reading", {"ts": EVIL, "level": EVIL})
        sent = post("/api/v1/imports?input=rows&name=" + urllib.parse.quote(EVIL), ("no,ts,level,name\n" + f'a,"{HTML_CSV}",x,"{HTML_CSV}"\n').encode())
        assert sent.status == 202, sent
        self.imported = sent.json["id"]
        attachment = post("/api/v1/attachments", EVIL.encode(), headers={"X-Filename": urllib.parse.quote(EVIL.replace("/", "|"), safe="") + ".txt"})
        assert attachment.status == 201, attachment
        case = post("/api/v1/cases", {"workflow": "small", "title": EVIL, "description": EVIL, "location": {"type": "Point", "coordinates": [106.5, 29.5]}})
        assert case.status == 201, case
        self.case = case.json["id"]
        assert post(f"/api/v1/cases/{self.case}/comments", {"text": EVIL, "attachments": [attachment.json["sha256"]]}).status in (200, 201)
        subscription = {"type": "Subscription", "subscriptionName": EVIL, "description": EVIL, "entities": [{"type": "Gauge"}],
                        "notification": {"endpoint": {"uri": "http://127.0.0.1:1/", "receiverInfo": [{"key": "X-Key", "value": "top secret"}]}}}
        assert post("/ngsi-ld/v1/subscriptions", subscription).status == 201
        self.alarm = wait_for("the alarm", lambda: hub.get("/api/v1/alarms").json["items"])[0]
        wait_for("the rejections", lambda: hub.get("/api/v1/rejections").json["total"] >= 2)
        wait_for("the import", lambda: hub.get("/api/v1/imports/" + str(self.imported)).json["state"] == "done")
        return self


HTML_CSV = EVIL.replace('"', '""')


@pytest.fixture
def poisoned(tmp_path, broker):
    folder = tmp_path / "poisoned"
    folder.mkdir()
    p = Poisoned(folder, broker).fill()
    yield p
    p.hub.stop()
    log = p.hub.log_path.read_text()
    for secret in ("Sanitizer", PASSWORD, p.hub.token, "top secret"):
        assert secret not in log


def test_texts_come_back_as_they_went_in(poisoned):
    hub = poisoned.hub
    assert hub.entity(GAUGE)["name"]["value"] == EVIL
    case = hub.get("/api/v1/cases/" + poisoned.case).json
    assert case["title"] == EVIL and case["description"] == EVIL
    assert any(t.get("comment") == EVIL for t in case["timeline"])
    assert EVIL in poisoned.alarm["message"]["en"] or EVIL[:50] in poisoned.alarm["message"]["en"]
    assert hub.get("/api/v1/imports/" + str(poisoned.imported)).json["fileName"]
    assert hub.get("/ngsi-ld/v1/subscriptions").json[0]["description"] == EVIL
    assert hub.get("/api/v1/cases?q=" + urllib.parse.quote(SQL)).json["total"] == 1
    for path in ("/api/v1/alarms", "/api/v1/rejections", "/api/v1/users", "/api/v1/cases"):
        assert hub.get(f"{path}?q={urllib.parse.quote(SQL + '%_')}").json["total"] == 0, path


@pytest.mark.parametrize("query", ["sort=" + SQL, "limit=1;" + SQL, "offset=1 OR 1=1", "state=" + SQL, "severity=' OR '1'='1", "scope=" + SQL,
                                   "type=' OR '1'='1", "rule=" + SQL, "from=" + SQL, "input=" + SQL, "assignee=" + SQL])
def test_sql_in_queries(poisoned_once, query):
    hub = poisoned_once
    name, value = query.split("=", 1)
    for path in ("/api/v1/alarms", "/api/v1/cases", "/api/v1/rejections", "/api/v1/users", "/api/v1/imports", "/ngsi-ld/v1/entities",
                 "/ngsi-ld/v1/temporal/entities"):
        answer = hub.get(f"{path}?{name}={urllib.parse.quote(value)}")
        assert answer.status in (200, 400), (path, answer)
    assert hub.entity("urn:ngsi-ld:T:1")


@pytest.fixture(scope="module")
def poisoned_once(tmp_path_factory):
    hub = Hub(tmp_path_factory.mktemp("once")).start()
    assert hub.post("/ngsi-ld/v1/entities", {"id": "urn:ngsi-ld:T:1", "type": "T"}).status == 201
    yield hub
    hub.stop()
    assert "Sanitizer" not in hub.log_path.read_text()


def test_spreadsheets_compute_nothing(poisoned):
    """A cell that begins like a formula is led by something that keeps it text."""
    hub, formula = poisoned.hub, "=HYPERLINK(\"http://evil/\")"
    assert hub.post("/api/v1/cases", {"workflow": "small", "title": formula}).status == 201
    poisoned.broker.publish("zs/f/reading", formula, {"ts": "2026-03-01T00:00:00Z", "level": 60, "name": formula})
    wait_for("the alarm", lambda: hub.get("/api/v1/alarms").json["total"] == 2)
    wait_for("the rejection", lambda: "HYPERLINK" in hub.get("/api/v1/rejections").text)
    sent = hub.post("/api/v1/imports?input=rows", b"no,ts,level,name\n=1+1,=1+1,@x,-1+1\n").json["id"]
    wait_for("the import", lambda: hub.get(f"/api/v1/imports/{sent}").json["state"] == "done")
    for path in ("cases", "alarms", "rejections", f"imports/{sent}/rejected"):
        rows = list(csv.reader(io.StringIO(hub.get(f"/api/v1/{path}?format=csv").text.lstrip("\ufeff"))))
        assert len(rows) > 1 and not [cell for row in rows for cell in row if cell[:1] in ("=", "@", "+")], (path, rows)


PAGES = ["situation", "alarms", "cases", "cases/{case}", "devices", "entities/" + GAUGE, "rules", "imports", "rejections", "packs", "users"]


@pytest.mark.browser
def test_pages_show_hostile_texts_and_run_nothing(poisoned):
    hub, browser = poisoned.hub, Browser()
    try:
        browser.open(hub.url + "/")
        browser.type("input[autocomplete=username]", "root")
        browser.type("input[autocomplete=current-password]", PASSWORD + "\n")
        browser.wait_text("态势")
        for page in PAGES:
            browser.open(f"{hub.url}/{page.replace('{case}', poisoned.case)}")
            browser.wait_text(r"window\.pwned=1|onerror")
            if page == "imports":
                browser.click("table button.link")
                browser.wait(".dialog table, dialog table")
            assert browser.script("return typeof window.pwned") == "undefined", page
            assert browser.script("return document.querySelectorAll('img[onerror], body script:not([src])').length") == 0, page
        answer = hub.get("/", headers={"Accept": "text/html"})
        policy = answer.headers["Content-Security-Policy"]
        assert "script-src" in policy or "default-src 'self'" in policy
        assert "'unsafe-inline'" not in policy.split("style-src")[0] and "'unsafe-eval'" not in policy
        assert [e for e in browser.errors() if "pwned" in e] == []
    finally:
        browser.close()
