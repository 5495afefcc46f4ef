# SPDX-License-Identifier: Apache-2.0
"""What the documents say is held against the code."""
import re

import pytest

from conftest import ROOT, program


def test_functions_named_in_the_walk_exist():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    names = set(re.findall(r"`(\w+)\(\)`", text))
    source = "\n".join(p.read_text() for p in (ROOT / "src").glob("**/*.[ch]"))
    assert len(names) > 15
    assert [n for n in sorted(names) if not re.search(rf"\b{n}\(", source)] == []


def test_modules_of_the_table_exist():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    rows = re.findall(r"^\| [0-6] \| `(\w+)` \|", text, re.M)
    assert sorted(rows) == sorted(p.name for p in (ROOT / "src").iterdir())


def test_every_limit_is_documented():
    header = (ROOT / "src/base/limits.h").read_text()
    page = (ROOT / "docs/limits.md").read_text()
    names = re.findall(r"^    (LIMIT_\w+) =", header, re.M)
    assert [n for n in names if n not in page] == []


def test_words_of_the_glossary_are_those_of_the_program():
    words = re.findall(r"^\|[^|]*\|[^|]*\|([^|]*)\|", (ROOT / "docs/glossary.md").read_text(), re.M)
    names = {name for cell in words for name in re.findall(r"`(\w+)`", cell)}
    files = [p for folder in ("src", "packs") for p in (ROOT / folder).glob("**/*.*")
             if p.suffix in (".c", ".h", ".yaml") and not {"corpus", "testdata"} & set(p.parts)]
    source = "\n".join(p.read_text() for p in files)
    assert len(names) > 30
    assert [n for n in sorted(names) if not re.search(rf"\b{n}\b", source)] == []


def test_screens_have_one_name_for_one_thing():
    texts = (ROOT / "web/src/texts/zh.ts").read_text()
    other_names = ["留证", "证据链", "存证链", "登记案件", "立案时间", "案件编号", "责任范围", "输入定义", "电子栅栏", "地理围栏", "用户管理"]
    assert [name for name in other_names if name in texts] == []


@pytest.mark.parametrize("command", ["serve", "user", "verify", "compact", "backup", "restore", "routes", "packs", "import", "replay", "demo"])
def test_every_command_has_help_and_stands_in_the_manual(command):
    assert program(command, "--help").returncode == 0
    assert f"zhongshu {command}" in (ROOT / "docs/operators.md").read_text()


def test_routes_stand_in_the_api_page():
    page = (ROOT / "docs/api.md").read_text().replace("\\|", "|")
    routes = [re.match(r"(\S+)\s+(\S+)\s+(\(.*?\)|\S+)\s+(.*)", line).groups() for line in program("routes").stdout.splitlines()]
    rows = [f"| {method} | `{path}` | {permission} | {what} |" for method, path, permission, what in routes]
    assert len(rows) > 60
    assert [row for row in rows if row not in page] == []


def test_tests_named_for_the_clauses_exist():
    page = (ROOT / "docs/ngsi-ld.md").read_text()
    named = re.findall(r"`((?:test_\w+\.py|src/[\w/]+_test\.c)(?:::\w+)?)`", page)
    for name in named:
        file, _, function = name.partition("::")
        path = ROOT / file if file.startswith("src/") else ROOT / "tests" / file
        assert path.is_file(), name
        assert not function or re.search(rf"\b{function}\(", path.read_text()), name


def test_every_operation_of_the_specification_has_a_row():
    named = set()
    for cell in re.findall(r"^\| ([^|]+) \|", (ROOT / "docs/ngsi-ld.md").read_text(), re.M):
        for first, last in re.findall(r"(\d+(?:\.\d+)+)(?: – (\d+(?:\.\d+)+))?", cell):
            start, end = first.split("."), (last or first).split(".")
            named |= {".".join([*start[:-1], str(n)]) for n in range(int(start[-1]), int(end[-1]) + 1)}
    named |= {n.rsplit(".", 1)[0] for n in named}
    operations = {"5.6": 21, "5.7": 11, "5.8": 6, "5.13": 5, "5.14": 5, "5.15": 1, "5.16": 7}
    wanted = [f"{chapter}.{n}" for chapter, last in operations.items() for n in range(1, last + 1)]
    wanted += ["5.9.2", "5.9.3", "5.9.4", "5.10.1", "5.10.2", "5.11"]
    assert [clause for clause in wanted if clause not in named] == []
