#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the includes of src/ against the module table in meson.build: a module includes only what its row names,
and of another module only its public header, named like it: the other headers are private."""
import ast
import pathlib
import re
import sys

# Modules whose public face is more than one header: base is a set of small ones; hub/section.h is for features
# whose sections are checked against tables.
PUBLIC = {"base": None, "hub": {"hub.h", "section.h"}}

ROOT = pathlib.Path(__file__).resolve().parent.parent


def table():
    text = (ROOT / "meson.build").read_text()
    rows = re.search(r"^modules = (\[.*?^\])", text, re.S | re.M).group(1)
    return {name: (layer, set(allowed)) for layer, name, allowed, _libs in ast.literal_eval(rows)}


def mistakes():
    modules = table()
    for name, (layer, allowed) in modules.items():
        for other in allowed:
            if modules[other][0] > layer:
                yield f"meson.build: {name} (layer {layer}) may not stand on {other} (layer {modules[other][0]})"
    for path in sorted((ROOT / "src").glob("**/*.[ch]*")):
        here = path.relative_to(ROOT / "src").parts[0]
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = re.match(r'\s*#include "([a-z]+)/([^"]+)"', line)
            if not found or found.group(1) == here:
                continue
            other, header = found.groups()
            if here != "server" and other not in modules.get(here, (0, set()))[1]:
                yield f"{path.relative_to(ROOT)}:{number}: {here} may not include {other}/{header}"
            public = PUBLIC.get(other, {other + ".h"})
            if public is not None and header not in public:
                yield f"{path.relative_to(ROOT)}:{number}: {other}/{header} is private to {other}"


if __name__ == "__main__":
    found = list(mistakes())
    print("\n".join(found) or "includes: as the module table says")
    sys.exit(bool(found))
