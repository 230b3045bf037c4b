"""`lab verify` finds what is wrong and names the version; `lab reproduce` gives back a version's bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.checkout import Checkout

IDENTITY = "-c user.name=t -c user.email=t@t.invalid"


@pytest.fixture
def version(lab: Checkout) -> Iterator[dict[str, str]]:
    """The newest version; whatever the test did to its object is undone afterwards."""
    newest = lab.json("run")["version"]
    key = f"s3://mlops-lab/dvc/files/md5/{newest['md5'][:2]}/{newest['md5'][2:]}"
    saved = lab.folder.parent / "saved-object"
    lab.shell(f"aws s3 cp --quiet {key} {saved}")
    yield {**newest, "key": key, "saved": str(saved)}
    lab.shell(f"aws s3 cp --quiet {saved} {key}")
    lab.lab("verify")


def faults(lab: Checkout) -> str:
    """The error line of a verification that must find something."""
    output = lab.lab("verify", status=1)
    assert "Traceback" not in output.stderr
    return output.stderr.split("error: ")[1].splitlines()[0]


def test_a_sound_lab_verifies(lab: Checkout) -> None:
    assert all(verdict["problems"] == [] for verdict in lab.json("verify"))


def test_an_object_changed_by_one_byte_is_found(lab: Checkout, version: dict[str, str]) -> None:
    data = bytearray(Path(version["saved"]).read_bytes())
    data[-5] ^= 1
    changed = lab.folder.parent / "changed"
    changed.write_bytes(data)
    lab.shell(f"aws s3 cp --quiet {changed} {version['key']}")
    line = faults(lab)
    assert f"version {version['number']}" in line
    assert hashlib.md5(data).hexdigest() in line  # noqa: S324 - DVC's content address


def test_a_missing_object_is_found(lab: Checkout, version: dict[str, str]) -> None:
    lab.shell(f"aws s3 rm --quiet {version['key']}")
    line = faults(lab)
    assert f"version {version['number']}" in line
    assert "missing" in line


@pytest.mark.parametrize(
    ("edit", "trailers", "expected"),
    [
        ("s/md5: ./md5: 0/", "", "missing"),
        ("s/size: ./size: 9/", "", "the pointer says"),
        ("s/  size/    size/", "", "not a DVC pointer"),
        (
            "s/zzz/zzz/;$a\\\\",
            "Run-Id: never_was\\nDag-Id: dataset_pipeline",
            "Airflow does not know its run never_was",
        ),
        ("s/zzz/zzz/;$a\\\\", "Data-Rows: 5", "its commit says 5"),
    ],
)
def test_a_false_commit_is_found(lab: Checkout, tmp_path: Path, edit: str, trailers: str, expected: str) -> None:
    pointer = "datasets/employee_attrition.csv.dvc"
    commit = (
        f"sed -i '{edit}' {pointer}\n[ -z '{trailers}' ] || printf '\\n' >> {pointer}\n"
        f"printf 'A false version\\n\\n{trailers}\\n' | git {IDENTITY} commit -q --allow-empty -aF -\n"
    )
    clone = f'git clone -q "$PIPELINE_REPOSITORY" {tmp_path}/false && cd {tmp_path}/false\n'
    good = lab.shell(f"{clone}git rev-parse HEAD\n{commit}git push -q").strip()
    try:
        assert expected in faults(lab)
    finally:
        lab.shell(f"cd {tmp_path}/false && git push -q --force origin {good}:main")


def test_a_version_made_by_hand_with_plain_tools_is_a_version(lab: Checkout, tmp_path: Path) -> None:
    lab.shell(
        f'git clone -q "$PIPELINE_REPOSITORY" {tmp_path}/hand && cd {tmp_path}/hand && dvc pull -q\n'
        "head -n 100 datasets/employee_attrition.csv > few && mv few datasets/employee_attrition.csv\n"
        "dvc add -q datasets/employee_attrition.csv && dvc push -q\n"
        f"git {IDENTITY} commit -qam 'A sample' && git push -q"
    )
    lab.lab("verify")
    assert lab.json("history")[-1]["run_id"] is None
    assert lab.json("run", "--rows", "1")["version"]["rows"] == 100


@pytest.mark.parametrize("flags", [[], ["--replay"]])
def test_reproduce_writes_the_versions_bytes(lab: Checkout, tmp_path: Path, flags: list[str]) -> None:
    for version in (lab.json("history")[0], lab.json("run")["version"]):
        output = tmp_path / "out.csv"
        lab.lab("reproduce", str(version["number"]), "--output", str(output), *flags)
        assert hashlib.md5(output.read_bytes()).hexdigest() == version["md5"]  # noqa: S324


def test_a_version_that_does_not_exist_is_one_line_and_exit_9(lab: Checkout) -> None:
    output = lab.lab("reproduce", "999", status=9).stderr
    assert "error: '999' is not a data version" in output
    assert "hint: make lab-history" in output
