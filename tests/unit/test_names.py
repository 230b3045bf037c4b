"""A class of the lab has a name that no other has: a search for it finds one class."""

from __future__ import annotations

import ast
from collections import defaultdict

from lab.paths import SOURCE


def test_no_two_classes_have_the_same_name() -> None:
    found: dict[str, list[str]] = defaultdict(list)
    for file in sorted((SOURCE / "lab").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(f"{file.relative_to(SOURCE)}:{node.lineno}")
    assert {name: places for name, places in found.items() if len(places) > 1} == {}
