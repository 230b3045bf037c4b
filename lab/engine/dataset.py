"""The phase that makes the repository's first commits and version 1 of the dataset, on every engine."""

from __future__ import annotations

from lab.components import repository
from lab.engine import same_settings
from lab.engine.instance import LabInstance
from lab.engine.phases import Note, Phase
from lab.pipeline.git import GitError


def dataset(instance: LabInstance, limit: float) -> Phase:
    """Data first: the bucket has the dataset before the commit that names it."""

    def done() -> bool:
        try:
            return instance.data_settings.exists() and repository.head(instance.access()) is not None
        except GitError:
            return False

    def make(note: Note) -> None:
        access = instance.access()
        if repository.head(access) is None:
            note(f"{instance.settings.dataset.rows:,} rows from seed {instance.settings.dataset.seed}")
            note(repository.seed(access))
        same_settings.remember_data(instance.data_settings, instance.settings)

    title = "Making the repository and version 1 of the dataset"
    return Phase("dataset", title, limit, done, make, ("git", "storage", "environment-worker"))
