"""Programs: their end is never misread, and they see nothing that would redirect them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lab.errors import ProgramError
from lab.proc import clean_environment, describe, run, service_environment, tail

LIMIT = 30


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def refusal(argv: list[str], limit: float = LIMIT, cwd: Path | None = None) -> ProgramError:
    with pytest.raises(ProgramError) as caught:
        run(argv, limit=limit, cwd=cwd)
    return caught.value


def test_output_and_status_of_a_program_that_ends_well() -> None:
    done = run(python("import sys; print('out'); print('err', file=sys.stderr)"), limit=LIMIT)
    assert (done.status, done.stdout, done.stderr) == (0, "out\n", "err\n")


def test_arguments_arrive_as_they_are() -> None:
    odd = ["a b", "$HOME", "'\"", "*", "ä\n"]
    assert run(python("import sys; print(sys.argv[1:])", *odd), limit=LIMIT).stdout.strip() == repr(odd)


def test_standard_input_is_the_given_text_or_empty() -> None:
    program = python("import sys; print(repr(sys.stdin.read()))")
    assert run(program, limit=LIMIT, text="täxt").stdout == "'täxt'\n"
    assert run(program, limit=LIMIT).stdout == "''\n"


def test_output_that_is_not_utf8_is_no_error() -> None:
    assert run(python(r"import sys; sys.stdout.buffer.write(b'a\xff')"), limit=LIMIT).stdout == "a\ufffd"


def test_an_exit_status_other_than_0_is_an_error_with_the_last_lines() -> None:
    error = refusal(python("import sys; print('\\n'.join(map(str, range(99)))); sys.exit('why')"))
    assert error.message.endswith("ended with exit status 1")
    assert error.detail.splitlines()[-1] == "why"
    assert len(error.detail.splitlines()) == 12


def test_a_program_killed_by_a_signal_has_failed() -> None:
    killed = python("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert refusal(killed).message.endswith("ended with signal 9")
    assert run(killed, limit=LIMIT, check=False).status == -9


def test_without_check_the_status_is_the_callers_to_read() -> None:
    assert run(python("raise SystemExit(3)"), limit=LIMIT, check=False).status == 3


def test_a_program_beyond_its_limit_is_killed_and_named_with_its_last_words() -> None:
    code = "import signal, sys; print('at step 2', file=sys.stderr, flush=True); signal.pause()"
    error = refusal(python(code), limit=1)
    assert "took longer than 1 s" in error.message
    assert error.detail == "at step 2"


def test_a_missing_program_is_named_with_the_way_out() -> None:
    error = refusal(["no-such-program-here"])
    assert error.message == "no-such-program-here: no such program"
    assert error.hint


def test_a_missing_folder_is_not_treated_as_a_missing_program(tmp_path: Path) -> None:
    error = refusal(python(""), cwd=tmp_path / "gone")
    assert "gone" in error.message
    assert "no such program" not in error.message


def test_a_file_that_may_not_be_run_is_an_error_of_the_same_kind(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_text("", "utf-8")
    assert "Permission denied" in refusal([str(file)]).message


def test_a_status_in_words() -> None:
    assert (describe(3), describe(-15)) == ("exit status 3", "signal 15")


@pytest.mark.parametrize("text", [None, "", b"", "\n\n"])
def test_the_tail_of_nothing_is_nothing(text: str | bytes | None) -> None:
    assert tail(text) == ""


REDIRECTING = ["AWS_PROFILE", "AWS_ENDPOINT_URL", "AIRFLOW_HOME", "AIRFLOW__CORE__DAGS_FOLDER", "GIT_DIR",
               "GIT_CONFIG_COUNT", "DVC_ROOT", "PYTHONPATH", "PYTHONHOME", "LOCALSTACK_HOST", "PIPELINE_ROWS",
               "GITSYNC_PASSWORD", "VIRTUAL_ENV"]  # fmt: skip
HELPING = ["HTTPS_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH"]


@pytest.mark.parametrize("name", REDIRECTING)
def test_what_would_lead_a_program_elsewhere_is_left_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "x")
    assert name not in clean_environment()
    assert name not in service_environment({})


@pytest.mark.parametrize("name", HELPING)
def test_proxy_and_certificate_settings_stay(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "x")
    assert clean_environment()[name] == "x"
    assert service_environment({})[name] == "x"


def test_the_persons_locale_stays_for_programs_and_not_for_services(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert clean_environment()["LC_ALL"] == "de_DE.UTF-8"
    assert "LC_ALL" not in service_environment({})


@pytest.mark.parametrize(("before", "after"), [("", "127.0.0.1,localhost"), ("a.b", "a.b,127.0.0.1,localhost")])
def test_a_proxy_never_sees_a_services_loopback_traffic(
    before: str, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("no_proxy", before)
    environment = service_environment({})
    assert environment["NO_PROXY"] == environment["no_proxy"] == after


def test_what_the_caller_adds_beats_what_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    assert clean_environment({"LANG": "C", "GIT_DIR": "mine"})["LANG"] == "C"
    assert clean_environment({"GIT_DIR": "mine"})["GIT_DIR"] == "mine"
    assert service_environment({"LANG": "C"})["LANG"] == "C"
