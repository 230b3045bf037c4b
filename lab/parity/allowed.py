"""The list of intended differences, each with its reason: k8s/parity.yaml."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from lab.config import Section
from lab.errors import SettingsError
from lab.parity.compare import PlaceDifference

FILE = "k8s/parity.yaml"
Text = Annotated[str, Field(min_length=1)]
Texts = Annotated[list[Text], Field(min_length=1)]


class Fields(Section):
    """Some fields of some objects, or the objects themselves; with patterns of the values, if these matter as well."""

    where: Texts
    what: Texts | None = None
    kind: str = "*"
    eks: str = "*"

    def covers(self, found: PlaceDifference) -> bool:
        pairs = (
            (self.where, found.where),
            (self.whats, found.what),
            ([self.kind], found.kind),
            ([self.eks], found.eks),
        )
        return all(any(matches(text, pattern) for pattern in patterns) for patterns, text in pairs)

    def unused(self, found: Sequence[PlaceDifference]) -> Iterator[str]:
        """The patterns that match none of these differences."""
        covered = [each for each in found if self.covers(each)]
        for pattern in self.where:
            if not any(matches(each.where, pattern) for each in covered):
                yield pattern
        for pattern in self.whats if covered else ():
            if not any(matches(each.what, pattern) for each in covered):
                yield f"{', '.join(self.where)}: {pattern}"

    @property
    def whats(self) -> list[str]:
        return [""] if self.what is None else list(self.what)


class Reason(Section):
    """Why some differences are intended."""

    reason: Text
    differences: Annotated[list[Fields], Field(min_length=1)]


def matches(text: str, pattern: str) -> bool:
    """Whether the text matches the pattern: `*` is anything, brackets are literal."""
    return fnmatchcase(text, pattern.replace("[", "[[]"))


def read(file: Path) -> list[Reason]:
    """The list in `file`.

    Raises:
        SettingsError: it is not such a list.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        entries: list[Any] = YAML(typ="safe").load(file.read_text("utf-8")) or []
        return [Reason.model_validate(each) for each in entries]
    except (OSError, YAMLError, ValidationError, TypeError) as error:
        raise SettingsError(f"{file.name}: {' '.join(str(error).split())}", "docs/parity.md shows its form") from error
