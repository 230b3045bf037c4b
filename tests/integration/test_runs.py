"""A run of the pipeline makes one data version, by real Airflow, DVC, S3 and Git."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from tests.integration.checkout import Checkout
from tests.waiting import eventually


def test_a_run_makes_one_version_and_prints_what_it_made(lab: Checkout) -> None:
    before = lab.json("history")[-1]
    result = lab.json("run", "--rows", "3")
    version = result["version"]
    assert version["number"] == before["number"] + 1
    assert version["rows"] == before["rows"] + 3
    assert version["rows_added"] == 3
    assert version["base_md5"] == before["md5"]
    assert version["run_id"] == result["run_id"]
    assert result["object_url"].endswith(f"files/md5/{version['md5'][:2]}/{version['md5'][2:]}")
    assert list(result["task_seconds"]) == ["pull_data", "modify_data", "push_data"]


def test_what_a_run_prints_names_commit_md5_object_rows_and_seconds(lab: Checkout) -> None:
    printed = lab.lab("run").stdout
    version = lab.json("history")[-1]
    for expected in (
        version["commit"],
        version["md5"],
        "s3://mlops-lab/dvc/files/md5/",
        "rows",
        "pull_data",
        "seconds",
    ):
        assert expected in printed


def test_a_run_of_no_rows_makes_no_version(lab: Checkout) -> None:
    before = lab.json("history")
    assert "No new data version" in lab.lab("run", "--rows", "0").stderr
    assert lab.json("history") == before


def test_a_run_leaves_no_folder_behind(lab: Checkout) -> None:
    lab.lab("run")
    assert list((lab.folder / ".lab" / "data" / "shared" / "runs").iterdir()) == []


def test_plain_git_and_dvc_agree_without_the_labs_code(lab: Checkout, tmp_path: Path) -> None:
    version = lab.json("history")[-1]
    lab.shell(f'git clone -q "$PIPELINE_REPOSITORY" {tmp_path}/plain && cd {tmp_path}/plain && dvc pull -q')
    data = (tmp_path / "plain" / version["path"]).read_bytes()
    assert hashlib.md5(data).hexdigest() == version["md5"]  # noqa: S324 - DVC's content address
    assert data.count(b"\n") == version["rows"] + 1


def test_the_remote_in_the_repository_has_no_endpoint_and_no_key(lab: Checkout, tmp_path: Path) -> None:
    config = lab.shell(f'git clone -q "$PIPELINE_REPOSITORY" {tmp_path}/c && cat {tmp_path}/c/.dvc/config')
    assert "url = s3://mlops-lab/dvc" in config
    assert "endpointurl" not in config
    assert lab.secret("aws-access-key-id") not in config


def test_an_edited_dag_runs_after_a_push_and_the_run_records_its_commit(lab: Checkout, tmp_path: Path) -> None:
    commit = lab.shell(
        f'git clone -q "$PIPELINE_REPOSITORY" {tmp_path}/edit && cd {tmp_path}/edit\n'
        'sed -i.orig \'s/"rows": Param(1,/"rows": Param(7,/\' dags/dataset_pipeline.py && rm dags/*.orig\n'
        "git -c user.name=t -c user.email=t@t.invalid commit -qam 'Seven rows' && git push -q && git rev-parse HEAD"
    ).strip()

    def version_of_dag() -> bool:
        return commit in lab.shell("airflow dags details dataset_pipeline -o json 2>/dev/null")

    eventually(version_of_dag, "the edit reaches Airflow", limit=60)
    version = lab.json("run")["version"]
    assert version["rows_added"] == 7
    assert version["dag_version"] == commit


def test_a_broken_dataset_fails_the_run_with_one_line_and_makes_no_version(lab: Checkout, tmp_path: Path) -> None:
    publish(lab, tmp_path, "broken", "sed -i.orig '1s/Age/Edge/' datasets/employee_attrition.csv")
    before = lab.json("history")
    output = lab.lab("run", "--branch", "broken", status=1).stderr
    assert "Edge" in output.split("error: ")[1].splitlines()[0]
    assert "hint: " in output
    assert "Traceback" not in output
    assert lab.json("history") == before


def test_quotes_commas_and_a_missing_last_newline_simply_work(lab: Checkout, tmp_path: Path) -> None:
    edit = (
        'awk \'NR==2 {sub(/Technology|Media|Finance|Education|Healthcare/, "\\"Finance, \\"\\"Risk\\"\\"\\"")} '
        '{printf "%s%s", (NR>1 ? "\\n" : ""), $0}\' datasets/employee_attrition.csv > new.csv && '
        "mv new.csv datasets/employee_attrition.csv"
    )
    publish(lab, tmp_path, "quoted", edit)
    version = lab.json("run", "--branch", "quoted", "--rows", "2")["version"]
    assert version["rows_added"] == 2


def publish(lab: Checkout, folder: Path, branch: str, edit: str) -> None:
    """Change the dataset by a shell command and push it to a branch, with plain tools."""
    lab.shell(
        f'git clone -q "$PIPELINE_REPOSITORY" {folder}/publish && cd {folder}/publish && git checkout -qb {branch}\n'
        f"dvc pull -q\n{edit}\nrm -f datasets/*.orig\ndvc add -q datasets/employee_attrition.csv && dvc push -q\n"
        f"git -c user.name=t -c user.email=t@t.invalid commit -qam 'By hand' && git push -q origin {branch}"
    )


def test_no_secret_stands_in_a_command_line_a_url_or_a_log(lab: Checkout) -> None:
    lab.lab("run")
    secrets = [lab.secret(file.name) for file in (lab.folder / ".lab" / "secrets").iterdir()]
    lines = list(lab.command_lines().values())
    logs = [file for file in (lab.folder / ".lab" / "logs").rglob("*.log") if file.is_file()]
    configurations = (lab.folder / ".lab" / "data").rglob("config")
    texts = [*lines, *(file.read_text("utf-8", "replace") for file in [*logs, *configurations])]
    assert logs
    for secret in secrets:
        assert not [text for text in texts if secret in text]


def test_clones_need_the_password(lab: Checkout, tmp_path: Path) -> None:
    url = lab.status()["urls"]["repository"]
    command = ["git", "-c", "credential.helper=", "clone", "-q", url, str(tmp_path / "none")]
    environment = {**lab.environment(), "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "true"}
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert finished.returncode != 0
    assert "401" in finished.stderr or "Authentication failed" in finished.stderr
