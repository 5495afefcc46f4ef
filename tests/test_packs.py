# SPDX-License-Identifier: Apache-2.0
"""Packs: the checking commands, and the hub that follows its folders."""
import re

from conftest import ROOT, program, wait_for

TYPE = "types:\n  Gauge:\n    title: Gauge\n    attributes:\n      level: {title: Level, kind: Property, value: number}\n"


def make_pack(folder, name="p", more=TYPE):
    path = folder / name
    path.mkdir(parents=True, exist_ok=True)
    (path / "pack.yaml").write_text(f"pack: {{name: {name}, version: 1.0.0, title: {{zh: 包, en: Pack}}}}\n{more}")
    return path


def test_the_packs_of_the_project_have_no_mistakes():
    done = program("packs", "check", "packs")
    assert done.returncode == 0, done.stdout


def test_check_names_file_line_and_sentence_in_both_languages(tmp_path):
    path = make_pack(tmp_path, more="tpyes: {}\n")
    english, chinese = program("packs", "check", path), program("packs", "check", path, "--lang", "zh")
    assert english.returncode == chinese.returncode == 1
    assert f"{path}/pack.yaml:2: unknown section \"tpyes\"" in english.stdout
    assert "pack.yaml:2: 不认识的节“tpyes”" in chinese.stdout


def test_list_and_explain(tmp_path):
    make_pack(tmp_path)
    assert "p                1.0.0    Pack" in program("packs", "list", tmp_path).stdout
    assert "types (packs): Types of entities" in program("packs", "explain", tmp_path).stdout
    assert program("packs", "frobnicate").returncode == 2
    assert program("packs", "check", tmp_path / "nowhere").returncode == 1


def test_the_hub_refuses_to_start_with_broken_packs(tmp_path):
    path = make_pack(tmp_path, more="types: 7\n")
    done = program("serve", "--data", tmp_path / "data", "--listen", "127.0.0.1:0", "--packs", path)
    assert done.returncode == 1 and "pack.yaml:2" in done.stderr


def test_the_model_changes_while_the_hub_runs(make_hub, tmp_path):
    path = make_pack(tmp_path / "packs")
    hub = make_hub(packs=[tmp_path / "packs"])
    first = hub.get("/api/v1/model")
    assert first.json["types"]["Gauge"]["pack"] == "p"
    assert hub.get("/api/v1/model", headers={"If-None-Match": first.headers["ETag"]}).status == 304
    (path / "more.yaml").write_text(TYPE.replace("Gauge", "Pump"))
    wait_for("the new type", lambda: "Pump" in hub.get("/api/v1/model").json["types"])
    make_pack(tmp_path / "packs", "q", more="district: {name: Q, centre: [106.5, 29.5], synthetic: true}\n")
    wait_for("the new pack", lambda: hub.get("/api/v1/model").json["synthetic"])


def test_a_broken_set_changes_nothing_and_is_reported(make_hub, tmp_path):
    path = make_pack(tmp_path / "packs")
    hub = make_hub(packs=[tmp_path / "packs"])
    (path / "second.yaml").write_text("types:\n  Gauge: {title: Twice}\n")
    mistake = wait_for("the mistake", lambda: hub.get("/api/v1/packs").json["mistakes"])[0]
    assert mistake["line"] == 2 and mistake["file"].endswith("second.yaml")
    assert "already given" in mistake["sentence"]["en"] and "已在" in mistake["sentence"]["zh"]
    assert "Gauge" in hub.get("/api/v1/model").json["types"]
    answer = hub.post("/api/v1/packs/reload", headers={"X-Requested-With": "zhongshu"})
    assert answer.status == 400 and "second.yaml:2" in answer.json["detail"]
    (path / "second.yaml").unlink()
    wait_for("the end of the mistake", lambda: not hub.get("/api/v1/packs").json["mistakes"])
    assert hub.post("/api/v1/packs/reload", headers={"X-Requested-With": "zhongshu"}).status == 200
