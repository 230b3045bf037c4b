"""What the page shows of each version, with the addresses of what it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from lab.access import Access
from lab.components import storage
from lab.lineage.verify import Verdict
from lab.lineage.versions import DataVersion

SOUND, FAULT, UNCHECKED = "sound", "fault", "unchecked"


@dataclass(frozen=True)
class Links:
    """Where a browser finds things; an address is empty where this lab has no page for it."""

    access: Access
    git_pages: bool
    """Whether the Git server shows commits to browsers: Gitea does, the local engine's server does not."""

    def commit(self, commit: str) -> str:
        pages = self.access.repository_url.removesuffix(".git")
        return f"{pages}/commit/{quote(commit, safe='')}" if self.git_pages else ""

    def run(self, version: DataVersion) -> str:
        if version.run_id is None or version.dag_id is None:
            return ""
        dag, run = quote(version.dag_id, safe=""), quote(version.run_id, safe="")
        return f"{self.access.airflow_url}/dags/{dag}/runs/{run}"


@dataclass(frozen=True)
class Entry:
    """A version on the page. `rows` are the counted ones where it was verified, else those that its commit claims."""

    version: DataVersion
    rows: int | None
    state: str
    problems: tuple[str, ...]
    made_by: str
    object_name: str
    """Its `s3://` URL, for `aws s3 cp` in lab-shell: a browser has no key with which to sign."""
    commit_link: str
    code_link: str
    run_link: str

    @property
    def megabytes(self) -> float | None:
        return None if self.version.size is None else self.version.size / 1e6

    @property
    def seconds(self) -> float | None:
        return sum(self.version.task_seconds.values()) if self.version.task_seconds else None


def entry(version: DataVersion, verdict: Verdict | None, links: Links) -> Entry:
    md5 = version.md5
    state = UNCHECKED if verdict is None else FAULT if verdict.problems else SOUND
    counted = verdict.rows if verdict else None
    seed = None if version.seed is None else f"seed {version.seed}"
    return Entry(
        version=version,
        rows=counted if counted is not None else version.rows,
        state=state,
        problems=tuple(verdict.problems) if verdict else (),
        made_by=version.run_id or seed or f"{version.author}, by hand",
        object_name=storage.url(links.access, storage.object_key(links.access, md5)) if md5 else "",
        commit_link=links.commit(version.commit),
        code_link=links.commit(version.code_version) if version.code_version else "",
        run_link=links.run(version),
    )
