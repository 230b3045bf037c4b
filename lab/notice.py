"""NOTICE: the software of others that a bundle and the images carry, grouped by licence.

The names come from the locks and go.mod, the licences from what is installed: the metadata of the environments ("Core
metadata specifications", PyPA) and the licence files of the Go modules that the lab's programs are built of. What
neither knows stands in lab/notice.toml. Licences are SPDX expressions (https://spdx.org/licenses).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from email.parser import Parser
from pathlib import Path
from typing import Any

from lab import services
from lab.errors import CheckFailedError
from lab.images.golang import MODULES
from lab.paths import Paths
from lab.pins import lock_file
from lab.uv import run_uv

NOTICE = "NOTICE"
TABLE = "lab/notice.toml"
PYTHON, GO, ELSEWHERE = "Python packages", "Go modules", "Go modules that no program of the lab for Linux contains"
SIGNS = (
    ("Mozilla Public License", "MPL-2.0"),
    ("Apache License", "Apache-2.0"),
    ("Permission is hereby granted, free of charge", "MIT"),
    ("Permission to use, copy, modify, and", "ISC"),
    ("CC0 1.0 Universal", "CC0-1.0"),
)
"""Words that only one licence has. The BSD ones differ by a clause."""
OWN = "lab"
"""The lab's own environment, from uv.lock."""
Groups = dict[str, set[str]]


def table(source: Path) -> dict[str, Any]:
    return tomllib.loads((source / TABLE).read_text("utf-8"))


def canonical(name: str) -> str:
    """As PyPI compares names ("Names and normalization", PyPA)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def python_packages(paths: Paths) -> set[str]:
    """What a bundle or an image holds of Python packages, by their locks."""
    own = paths.cache / "notice-requirements.txt"
    own.parent.mkdir(parents=True, exist_ok=True)
    run_uv(paths, "export", "--quiet", "--frozen", "--no-emit-project", "--group", "bootstrap", "--output-file", own)
    names = (*services.environments(), *services.image_environments())
    files = [own, *(paths.source / lock_file(name) for name in names)]
    text = "\n".join(file.read_text("utf-8") for file in files)
    return {*map(canonical, re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)), "setuptools"}


def go_modules(source: Path) -> dict[str, tuple[str, str]]:
    """The modules that the lab's go.mod files require, each with the module and version that replace it.

    One that a folder of the checkout replaces is not included.
    """
    found: dict[str, tuple[str, str]] = {}
    for module in MODULES:
        text = (source / module.folder / "go.mod").read_text("utf-8")
        for name, version in re.findall(r"^(?:require )?\s*([\w.-]+\.\w+(?:/\S+)?) (v\S+)", text, re.MULTILINE):
            found.setdefault(name, (name, version))
        for name, other, version in re.findall(r"^(?:replace )?\s*(\S+)(?: v\S+)? => (\S+) (v\S+)", text, re.MULTILINE):
            found[name] = (other, version)
        for name in re.findall(r"^replace (\S+) => \./", text, re.MULTILINE):
            found.pop(name, None)
    return found


def licence_of(metadata: Mapping[str, Any], classifiers: Iterable[str], known: Mapping[str, str]) -> str:
    """The licence of a Python package: its expression, else its classifiers, else its free text; empty if unknown."""
    if expression := metadata.get("License-Expression"):
        return str(expression)
    names = [each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License :: ")]
    names = names or [str(metadata.get("License") or "").strip().partition("\n")[0]]
    return " OR ".join(sorted({known[name] for name in names if name in known}))


def of_python(paths: Paths) -> Groups:
    """The packages by licence.

    Raises:
        CheckFailedError: the licence of some is not known; all of them are named.
    """
    given = table(paths.source)
    licences = dict(given["python"])
    for environment in (OWN, *services.environments()):
        for file in paths.environment(environment).glob("lib/python3*/site-packages/*.dist-info/METADATA"):
            metadata = Parser().parsestr(file.read_text("utf-8"))
            licence = licence_of(dict(metadata.items()), metadata.get_all("Classifier", []), given["names"])
            licences.setdefault(canonical(metadata["Name"]), licence)
    return grouped(python_packages(paths), licences)


def of_go(paths: Paths) -> tuple[Groups, set[str]]:
    """The modules by licence, and those that no build of the lab's programs has needed."""
    cache, given = paths.machine_cache / "go-modules", dict(table(paths.source)["go"])
    licences, elsewhere = {}, set()
    for name, (module, version) in go_modules(paths.source).items():
        folder = cache / f"{escaped(module)}@{escaped(version)}"
        found = {licence_in(file.read_text("utf-8", "replace")) for file in licence_files(folder)} - {""}
        if name in given:
            licences[name] = given[name]
        elif folder.is_dir():
            licences[name] = " AND ".join(sorted(found))
        else:
            elsewhere.add(name)
    return grouped(licences, licences), elsewhere


def escaped(name: str) -> str:
    """As the module cache spells it ("Module cache", Go Modules Reference)."""
    return re.sub("[A-Z]", lambda found: f"!{found[0].lower()}", name)


def licence_files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        pattern = re.compile(r"(un)?licen[sc]e(-\w+)?(\.(txt|md))?|copying", re.IGNORECASE)
        yield from (file for file in folder.iterdir() if file.is_file() and pattern.fullmatch(file.name))


def licence_in(text: str) -> str:
    """The licence that a text is, or nothing."""
    words = " ".join(text.split())
    for sign, licence in SIGNS:
        if sign in words:
            return licence
    if "Redistribution and use in source and binary forms" in words:
        third = re.search(r"(Neither|name of|names of|may not be used|may be used to endorse)", words)
        return "BSD-3-Clause" if third else "BSD-2-Clause"
    return ""


def grouped(names: Iterable[str], licences: Mapping[str, str]) -> Groups:
    if unknown := sorted(name for name in names if not licences.get(name)):
        raise CheckFailedError(f"no licence is known of {', '.join(unknown)}", f"write it into {TABLE}")
    found: Groups = {}
    for name in names:
        found.setdefault(licences[name], set()).add(name)
    return found


def notice(paths: Paths) -> str:
    """The whole text: what lab/notice.toml says of the lab and of what no lock names, then the groups."""
    go, elsewhere = of_go(paths)
    sections = [(PYTHON, of_python(paths)), (GO, go)]
    lines = [table(paths.source)["text"]["head"].strip(), ""]
    for title, groups in sections:
        lines += [f"== {title}", ""]
        for licence, names in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
            lines += [f"-- {licence}", *wrapped(names), ""]
    return "\n".join([*lines, f"== {ELSEWHERE}", "", *wrapped(elsewhere), ""])


def wrapped(names: Iterable[str]) -> list[str]:
    import textwrap

    return textwrap.wrap(", ".join(sorted(names)), 118, break_long_words=False, break_on_hyphens=False)
