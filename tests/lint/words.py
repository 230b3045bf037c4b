"""`python -m tests.lint.words`: no file of the project uses a word of words.toml. Exits 1 if one does, naming each."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
LIST = Path(__file__).with_name("words.toml")
EXCLUDED = re.compile(r"(NOTICE|LICENSE|go\.sum|.*\.(lock|gz|png))$")
"""By file name: what others or programs wrote, and what is no text."""
BETWEEN = r"[\s#/*_]+"


def pattern(words: list[str]) -> re.Pattern[str]:
    """Matches the words in prose, snake_case and at the start of CamelCase; a method (`stream.tell()`) is the API's."""
    choices = "|".join(BETWEEN.join(map(re.escape, word.split())) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<![A-Za-z.])(?i:{choices})(?![a-z])")


def files(folder: Path) -> list[Path]:
    """All files of the checkout that Git does not ignore, new ones included, and that people wrote."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.split("\0")
    paths = sorted({folder / name for name in names if name and not EXCLUDED.match(name.rpartition("/")[2])})
    return [path for path in paths if path.is_file() and path != folder / LIST.relative_to(SOURCE)]


def hits(folder: Path) -> Iterator[str]:
    """`file:line: "word": what to say instead`, for each."""
    instead = tomllib.loads(LIST.read_text("utf-8"))
    unwanted = pattern(list(instead))
    for file in files(folder):
        text = file.read_text("utf-8")
        for found in unwanted.finditer(text):
            word = re.sub(BETWEEN, " ", found[0].lower())
            line = text.count("\n", 0, found.start()) + 1
            yield f'{file.relative_to(folder)}:{line}: "{word}": {instead[word]}'


if __name__ == "__main__":
    found = list(hits(SOURCE))
    sys.stdout.writelines(f"{hit}\n" for hit in found)
    sys.exit(1 if found else 0)
