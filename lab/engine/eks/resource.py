"""What the lab creates on AWS, one resource at a time: each can be checked, created, repaired and removed.

Everything has one tag with the cluster's name as its value. What does not have it is not the lab's: it is neither
changed nor deleted, whatever its name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from lab.engine.eks.place import Place
from lab.engine.phases import Note, Phase
from lab.errors import CloudError, SettingsError

TAG = "mlops-lab/cluster"
REMOVAL_LIMIT = 900


class ForeignError(SettingsError):
    """Something of that name exists and is not this lab's."""


@dataclass(frozen=True)
class State:
    """The result of a check. `differs` says what is not as it should be, `remark` is further information."""

    exists: bool
    differs: tuple[str, ...] = ()
    remark: str = ""


ABSENT = State(exists=False)


@dataclass
class Resource(ABC):
    """One thing at one place.

    `look` changes nothing. `make` creates what is missing and repairs what differs; it can be interrupted anywhere and
    repeated. So can `remove`, which removes nothing that is not the lab's.
    """

    place: Place
    key: ClassVar[str]
    """What it is, in one word."""
    limit: ClassVar[float] = 60
    needs: ClassVar[tuple[str, ...]] = ()
    """The keys of what must exist before it, and is removed after it."""

    @property
    @abstractmethod
    def name(self) -> str: ...

    @property
    def title(self) -> str:
        """The title of its phase."""
        return f"Making the {self.key} {self.name}"

    @abstractmethod
    def look(self) -> State:
        """What is there.

        Raises:
            ForeignError: one of that name exists and is not this lab's.
            CloudError: it cannot be read.
        """

    @abstractmethod
    def make(self, note: Note) -> None: ...

    @abstractmethod
    def remove(self, note: Note) -> None: ...

    def require(self, state: State) -> None:
        """Raise if it could not be created, before anything is changed.

        Raises:
            LabError: what is missing.
        """

    def kept(self) -> str:
        """Why `down` keeps it, or nothing."""
        return ""

    @property
    def phase_name(self) -> str:
        """The name of its phase."""
        return f"{self.key} {self.name}"

    def phase(self, needs: tuple[str, ...]) -> Phase:
        """The phase of `up`; it verifies its result by checking the resource again."""
        return Phase(self.phase_name, self.title, self.limit, self.is_right, self.apply, needs)

    def is_right(self) -> bool:
        state = self.look()
        return state.exists and not state.differs

    def apply(self, note: Note) -> None:
        """Raises CloudError if the resource is not right afterwards."""
        self.require(self.look())
        self.make(note)
        state = self.look()
        if not state.exists or state.differs:
            problem = "; ".join(state.differs) or "is not there"
            message = f"the {self.key} {self.name} was made, and {problem}"
            raise CloudError(message, "make eks-up continues from here")

    def removal(self, needs: tuple[str, ...]) -> Phase:
        """The phase of `down`."""

        def remove(note: Note) -> None:
            if self.look().exists:
                self.remove(note)

        title = f"Removing the {self.key} {self.name}"
        return Phase(self.phase_name, title, max(self.limit, REMOVAL_LIMIT), lambda: False, remove, needs)

    def require_own(self, what: str, tags: Mapping[str, str]) -> None:
        """Return if these tags are this lab's; ForeignError otherwise."""
        require_own(what, tags, self.place.settings.cluster.name)

    @property
    def tags(self) -> dict[str, str]:
        return {TAG: self.place.settings.cluster.name}


def require_own(what: str, tags: Mapping[str, str], cluster: str) -> None:
    found = tags.get(TAG)
    if found == cluster:
        return
    owner = f"the lab's of cluster {found}" if found else "not the lab's"
    raise ForeignError(
        f"the {what} is there and is {owner} (tag {TAG})",
        "give this lab another name for it in eks.toml; nothing of it was changed",
    )


def as_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags in the format of IAM and S3."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def as_mapping(tags: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {str(tag["Key"]): str(tag["Value"]) for tag in tags}
