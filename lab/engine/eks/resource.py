"""What the lab makes on AWS, one resource at a time: it can be looked at, made, mended and removed.

Everything carries one tag, whose value is the cluster's name. What does not carry it is somebody else's: it is
neither changed nor deleted, whatever it is called.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from lab.engine.eks.place import Place
from lab.engine.phases import Note
from lab.errors import SettingsError

TAG = "mlops-lab/cluster"


class ForeignError(SettingsError):
    """Something of that name is there and is not this lab's."""


@dataclass(frozen=True)
class State:
    """What a look found. `differs` says what is not as it should be, `told` what else is worth a word."""

    exists: bool
    differs: tuple[str, ...] = ()
    told: str = ""


ABSENT = State(exists=False)


@dataclass
class Resource(ABC):
    """One thing at one place.

    `look` changes nothing. `make` brings what is not there, or not as it should be, to what it should be, can be cut
    off anywhere and done again. `remove` does so, too, and removes nothing that is not the lab's.
    """

    place: Place
    key: ClassVar[str]
    """What it is, in one word."""
    limit: ClassVar[float] = 60
    needs: ClassVar[tuple[str, ...]] = ()
    """The keys of what must be there before it, and goes after it."""

    @property
    @abstractmethod
    def name(self) -> str: ...

    @property
    def title(self) -> str:
        """What is done, for people who watch."""
        return f"Making the {self.key} {self.name}"

    @abstractmethod
    def look(self) -> State:
        """What is there.

        Raises:
            ForeignError: one of that name is, and it is not this lab's.
            CloudError: it cannot be seen.
        """

    @abstractmethod
    def make(self, note: Note) -> None: ...

    @abstractmethod
    def remove(self, note: Note) -> None: ...

    def require(self, state: State) -> None:
        """Refuse what could not be made from here, before anything is changed.

        Raises:
            LabError: what is missing.
        """

    def kept(self) -> str:
        """Why `down` leaves what is there, or nothing."""
        return ""

    def require_own(self, what: str, tags: Mapping[str, str]) -> None:
        """Return if these are the tags of what is this lab's; ForeignError else."""
        require_own(what, tags, self.place.settings.cluster.name)

    @property
    def tags(self) -> dict[str, str]:
        return {TAG: self.place.settings.cluster.name}


def require_own(what: str, tags: Mapping[str, str], cluster: str) -> None:
    found = tags.get(TAG)
    if found == cluster:
        return
    whose = f"the lab's of cluster {found}" if found else "not the lab's"
    raise ForeignError(
        f"the {what} is there and is {whose} (tag {TAG})",
        "give this lab another name for it in eks.toml; nothing of it was changed",
    )


def as_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as IAM and S3 take them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def as_mapping(tags: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {str(tag["Key"]): str(tag["Value"]) for tag in tags}
