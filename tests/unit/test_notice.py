"""NOTICE names everything that a bundle or an image carries, each by its licence."""

from __future__ import annotations

import re
import tomllib

import pytest
from license_expression import get_spdx_licensing

from lab.notice import ELSEWHERE, GO, NOTICE, PYTHON, go_modules, licence_in, licence_of, python_packages, table
from lab.paths import SOURCE, Paths

TEXT = (SOURCE / NOTICE).read_text("utf-8")


def section(title: str) -> str:
    return TEXT.split(f"== {title}\n", 1)[1].split("\n== ", 1)[0]


def names(text: str) -> list[str]:
    """What is below the licences."""
    lines = [line for line in text.splitlines() if line and not line.startswith("-- ")]
    return [name for line in lines for name in re.split(r",\s*", line) if name]


@pytest.mark.parametrize("title", [PYTHON, GO])
def test_each_group_is_a_licence_of_spdx(title: str) -> None:
    groups = re.findall(r"^-- (.+)$", section(title), re.MULTILINE)
    assert groups
    for licence in groups:
        expression = re.sub(r"LicenseRef-[A-Za-z-]+", "MIT", licence)  # a licence without an SPDX id
        assert get_spdx_licensing().validate(expression).errors == [], licence


def test_every_python_package_of_a_bundle_or_an_image_is_named_once() -> None:
    found = names(section(PYTHON))
    assert sorted(found) == sorted(python_packages(Paths.of(SOURCE)))


def test_every_go_module_is_named_once() -> None:
    assert sorted([*names(section(GO)), *names(section(ELSEWHERE))]) == sorted(go_modules(SOURCE))


def test_it_begins_with_what_no_lock_names() -> None:
    assert TEXT.startswith(table(SOURCE)["text"]["head"].strip())


def test_the_licence_of_the_lab_is_the_whole_text_and_in_its_metadata() -> None:
    text = (SOURCE / "LICENSE").read_text("utf-8")
    assert "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION" in text
    assert "END OF TERMS AND CONDITIONS" in text
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["license"] == "Apache-2.0"
    assert all((SOURCE / name).is_file() for name in project["license-files"])


@pytest.mark.parametrize(
    ("metadata", "classifiers", "licence"),
    [
        ({"License-Expression": "MIT"}, ["License :: OSI Approved :: BSD License"], "MIT"),
        ({"License": "x"}, ["License :: OSI Approved :: MIT License"], "MIT"),
        ({"License": "Apache 2.0\nand its text"}, [], "Apache-2.0"),
        ({"License": "some words"}, ["License :: OSI Approved"], ""),
    ],
)
def test_a_licence_is_read_from_what_the_package_says(
    metadata: dict[str, str], classifiers: list[str], licence: str
) -> None:
    assert licence_of(metadata, classifiers, table(SOURCE)["names"]) == licence


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        ("Redistribution and use in source and binary forms ... Neither the name of", "BSD-3-Clause"),
        ("Redistribution and use in source\n and binary forms, with or without", "BSD-2-Clause"),
        ("Apache License Version 2.0", "Apache-2.0"),
        ("some words", ""),
    ],
)
def test_a_licence_file_is_known_by_its_words(text: str, licence: str) -> None:
    assert licence_in(text) == licence
