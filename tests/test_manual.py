# SPDX-License-Identifier: Apache-2.0
"""The examples of the manual are run. The words after a fence's language say how:

  yaml pack=NAME   the blocks of one page with one NAME are a pack without mistakes; one without a head (`pack:`) is
                   an excerpt, checked beside those of packs/
  sh run           run in order in one folder, with the program, a hub and a broker at hand; must end with 0
  http STATUS      sent in order to a hub, which must answer with that status
  csv file=NAME    a file for the page's commands
"""
import os
import re
import subprocess

import pytest

from conftest import BUILD, ROOT, program, wait_for, write_password

PAGES = [*ROOT.glob("*.md"), *sorted((ROOT / "docs").glob("**/*.md"))]
PASSWORD = "correct horse battery"


def examples(page, language):
    """The words and the text of the page's blocks in one language that say how they are run."""
    blocks = re.findall(r"^```(\w+) +([^\n]+)\n(.*?)^```$", (ROOT / "docs" / page).read_text(), re.M | re.S)
    return [(words, text) for found, words, text in blocks if found == language]


def write_packs(page, folder):
    packs = {}
    for words, text in examples(page, "yaml"):
        packs.setdefault(words.removeprefix("pack="), []).append(text)
    for name, texts in packs.items():
        (folder / name).mkdir(parents=True)
        for number, text in enumerate(texts):
            (folder / name / f"{number}.yaml").write_text(text)
    return [folder / name for name in packs]


def complete(pack):
    """Gives an excerpt a head. True when it had none."""
    excerpt = not any(re.search("^pack:", p.read_text(), re.M) for p in pack.iterdir())
    if excerpt:
        (pack / "pack.yaml").write_text(f"pack: {{name: {pack.name}, version: 1.0.0, title: {pack.name}}}\n")
    return excerpt


def run(page, folder, hub=None, broker=None):
    """Runs the page's commands; addresses and folders of the manual become those of the test."""
    for words, text in examples(page, "csv"):
        (folder / words.removeprefix("file=")).write_text(text)
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin" / "zhongshu").symlink_to(BUILD.resolve() / "zhongshu")
    env = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "LANG": "C.UTF-8"}
    for _, text in examples(page, "sh"):
        for manual, here in [("127.0.0.1:8080", hub and f"127.0.0.1:{hub.port}"), ("127.0.0.1:1883", broker and f"127.0.0.1:{broker.port}"),
                             ("-p 1883", broker and f"-p {broker.port}"), ("/var/lib/", f"{folder}/"), ("/backup/", f"{folder}/")]:
            text = text.replace(manual, here or manual)
        done = subprocess.run(["sh", "-e", "-c", text], cwd=folder, env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (text, done.stdout, done.stderr)


def send(hub, text):
    head, _, body = text.partition("\n\n")
    first, *fields = head.strip().splitlines()
    method, path = first.split(" ", 1)
    return hub.request(method, path, body.encode() or None, dict(f.split(": ", 1) for f in fields))


@pytest.mark.parametrize("page", [p for p in PAGES if "```yaml pack=" in p.read_text()], ids=lambda p: p.stem)
def test_packs_of_the_manual_have_no_mistakes(page, tmp_path):
    packs = write_packs(page, tmp_path)
    beside = [ROOT / "packs"] if any([complete(p) for p in packs]) else []
    done = program("packs", "check", *beside, *packs)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_first_pack_works(make_hub, broker, tmp_path):
    packs = write_packs("packs/README.md", tmp_path / "packs")
    hub = make_hub(packs=[p for p in packs if p.name == "noise"], mqtt=broker)
    broker.publish("noise/m1/reading", {"ts": "2026-03-01T22:00:00+08:00", "db": 41, "place": "较场口"})
    wait_for("the meter", lambda: hub.entity("urn:ngsi-ld:NoiseLevelObserved:m1"))
    run("packs/README.md", tmp_path, hub, broker)
    alarm = wait_for("the alarm", lambda: hub.get("/api/v1/alarms?rule=too-loud").json["items"])[0]
    assert alarm["severity"] == "yellow" and alarm["message"]["zh"] == "较场口 声级 71.5 dB(A)"
    case = wait_for("the case", lambda: hub.get("/api/v1/cases?workflow=quiet").json["items"])[0]
    answer = hub.post(f"/api/v1/cases/{case['id']}/actions/solve", {"comment": "已劝止"})
    assert answer.status == 200 and answer.json["state"] == "solved"


def test_the_requests_of_the_manual_are_answered_so(make_hub, tmp_path):
    folder = tmp_path / "hub"
    folder.mkdir()
    program("user", "add", "zhang", "--data", folder / "data", "--role", "admin", "--password-file", write_password(tmp_path, PASSWORD))
    hub = make_hub(folder=folder, auth="on", packs=[ROOT / "packs"])
    requests = examples("api.md", "http")
    assert len(requests) > 8
    for status, text in requests:
        answer = send(hub, text)
        assert answer.status == int(status), (text, answer)
        if text.startswith("POST /api/v1/session"):
            hub.token = answer.json["token"]


@pytest.mark.parametrize("page", ["operators.md", "ingest.md", "quickstart.zh.md"])
def test_the_commands_of_the_manual_work(page, make_hub, broker, tmp_path):
    stopped = make_hub()
    stopped.stop()
    (tmp_path / "zhongshu").symlink_to(stopped.data)
    write_password(tmp_path, PASSWORD)
    (tmp_path / "packs").symlink_to(ROOT / "packs")
    hub = make_hub(packs=[ROOT / "packs"])
    run(page, tmp_path, hub, broker)


def test_two_hubs_are_connected_as_the_manual_says(make_hub, tmp_path, monkeypatch):
    north, south = make_hub(), make_hub()
    monkeypatch.setenv("SOUTH", south.url)
    run("federation.md", tmp_path, north)
