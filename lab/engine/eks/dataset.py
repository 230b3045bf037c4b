"""DAGs and version 1 of the dataset, in an empty repository; any other repository is left unchanged."""

from __future__ import annotations

from lab.access import BRANCH
from lab.components import repository
from lab.engine.eks.access import repository_access
from lab.engine.eks.resource import ABSENT, Resource, State
from lab.engine.phases import Note
from lab.environments import Environment
from lab.errors import ServiceError
from lab.pipeline.git import GitError


class Dataset(Resource):
    """Made as on the other engines, by the same code. Data first: the bucket has it before the commit that names it."""

    key = "dataset"
    limit = 900
    needs = ("bucket",)

    @property
    def name(self) -> str:
        return self.place.settings.repository.url

    @property
    def title(self) -> str:
        return "Making version 1 of the dataset, if the repository is empty"

    def look(self) -> State:
        try:
            found = repository.head(repository_access(self.place))
        except GitError as error:
            hint = "are the URL, GITSYNC_USERNAME and GITSYNC_PASSWORD right?"
            raise ServiceError(error.message, hint) from error
        return ABSENT if found is None else State(True, remark=f"{BRANCH} is at {found[:10]}")

    def make(self, note: Note) -> None:
        environment, there = Environment(self.place.paths, "worker"), repository_access(self.place)
        if not environment.is_current():
            note("installing the worker environment")
            environment.make()
        for folder in (there.paths.temporary, there.paths.user_home):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        note(repository.seed(there))

    def kept(self) -> str:
        return "the repository is yours"

    def remove(self, note: Note) -> None:
        """Nothing of the lab's."""
