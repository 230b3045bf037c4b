"""The lint of words finds each word of its list, in prose and in names, wherever a line breaks."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.lint.words import LIST, hits
from tests.unit.support import git, new_repository

WORDS = list(tomllib.loads(LIST.read_text("utf-8")))
USES = ["{capitals} ends here", "def a_{name}_b", "class {camel}Error", "a `{word}`,"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return new_repository(tmp_path / "checkout").folder


@pytest.mark.parametrize("word", WORDS)
def test_each_word_is_found_in_prose_and_in_names_with_its_line(folder: Path, word: str) -> None:
    name = word.replace(" ", "_")
    uses = [use.format(word=word, capitals=word.capitalize(), name=name, camel=name.title()) for use in USES]
    wrapped = "# it is " + word.replace(" ", "\n    # ")
    (folder / "a file.py").write_text("\n".join(["all is well", *uses, wrapped]), "utf-8")
    found = list(hits(folder))
    assert [hit.split('"')[0] for hit in found] == [f"a file.py:{line}: " for line in range(2, 3 + len(uses))]
    assert all(f'"{word}": ' in hit for hit in found)


@pytest.mark.parametrize("word", WORDS)
def test_longer_words_methods_of_apis_and_what_others_wrote_are_left_out(folder: Path, word: str) -> None:
    (folder / "code.py").write_text(f"x{word} {word}x stream.{word}()", "utf-8")
    for name in ("uv.lock", "NOTICE", "build"):
        (folder / name).write_text(word, "utf-8")
    (folder / ".gitignore").write_text("build\n", "utf-8")
    git(folder, "add", "uv.lock")
    assert list(hits(folder)) == []
