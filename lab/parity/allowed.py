"""The list of differences that are meant to be, each with its reason: k8s/parity.yaml."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from lab.config import Section
from lab.errors import SettingsError
from lab.parity.compare import Difference

FILE = "k8s/parity.yaml"
Text = Annotated[str, Field(min_length=1)]


class Allowed(Section):
    """Some differences: `where` and `what` are patterns of object and field, `kind` and `eks` of the values there.

    In a pattern `*` stands for anything, as in a shell; brackets stand for themselves.
    """

    where: list[Text]
    what: list[str] = [""]
    kind: str = "*"
    eks: str = "*"
    reason: Text

    def covers(self, found: Difference) -> bool:
        pairs = ((self.where, found.where), (self.what, found.what), ([self.kind], found.kind), ([self.eks], found.eks))
        return all(any(matches(text, pattern) for pattern in patterns) for patterns, text in pairs)

    def unused(self, found: Sequence[Difference]) -> list[str]:
        """The patterns of `where` and `what` that stand for none of these."""
        covered = [each for each in found if self.covers(each)]
        where = [each for each in self.where if not any(matches(one.where, each) for one in covered)]
        return where + [each for each in self.what if not any(matches(one.what, each) for one in covered)]


def matches(text: str, pattern: str) -> bool:
    return fnmatchcase(text, pattern.replace("[", "[[]"))


def read(file: Path) -> list[Allowed]:
    """The list in `file`.

    Raises:
        SettingsError: it is no such list.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        entries: list[Any] = YAML(typ="safe").load(file.read_text("utf-8")) or []
        return [Allowed.model_validate(each) for each in entries]
    except (OSError, YAMLError, ValidationError, TypeError) as error:
        raise SettingsError(f"{file.name}: {' '.join(str(error).split())}", "docs/parity.md shows its form") from error
