"""Pointers, DVC's configuration and parameters: read as what they say, or refused in one line."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.pipeline import dvc_config, pointer
from lab.pipeline.errors import DatasetError, UsageError
from lab.pipeline.pointer import Pointer
from lab.pipeline.run import from_environment
from tests.hostile.pointers import BOMB, MD5, WRITTEN
from tests.unit.pipeline.run_variables import GIVEN

NAME = "datasets/d.csv.dvc"
POINTERS = {
    "path of a parent": WRITTEN.replace("d.csv", "../d.csv"),
    "absolute path": WRITTEN.replace("d.csv", "/etc/passwd"),
    "path below": WRITTEN.replace("d.csv", "hooks/d.csv"),
    "path of another": WRITTEN.replace("d.csv", "e.csv"),
    "path in Git": WRITTEN.replace("d.csv", ".git/hooks/post-checkout"),
    "URL": WRITTEN.replace("d.csv", "s3://bucket/d.csv"),
    "path as a list": WRITTEN.replace("path: d.csv", "path: [d.csv]"),
    "path as nothing": WRITTEN.replace("path: d.csv", "path:"),
    "path with a newline": WRITTEN.replace("path: d.csv", 'path: "d.csv\\n"'),
    "path as a bomb": f"{BOMB}{WRITTEN.replace('path: d.csv', 'path: *a11')}",
    "md5 as a bomb": f"{BOMB}{WRITTEN.replace(MD5, '*a11')}",
    "meta as a bomb": f"{BOMB}{WRITTEN}",
    "itself": "outs: &o [*o]\n",
    "deep": f"outs: {'[' * 1000}",
    "wdir": f"{WRITTEN}wdir: ..\n",
    "frozen": f"{WRITTEN}frozen: true\n",
    "always changed": f"{WRITTEN}always_changed: true\n",
    "two outputs": f"{WRITTEN}- md5: {MD5}\n  size: 1\n  hash: md5\n  path: d.csv\n",
    "cloud": f"{WRITTEN}  cloud:\n    s: {{etag: a, version_id: b}}\n",
    "version": f"{WRITTEN}  version_id: abc\n",
    "files": f"{WRITTEN}  files:\n  - relpath: ../x\n    md5: {MD5}\n",
    "fs_config": f"{WRITTEN}  fs_config: {{endpointurl: 'http://x'}}\n",
    "remote": f"{WRITTEN}  remote: other\n",
    "no cache": f"{WRITTEN}  cache: false\n",
    "no push": f"{WRITTEN}  push: false\n",
    "executable": f"{WRITTEN}  isexec: true\n",
    "executable in other words": f"{WRITTEN}  isexec: 1\n",
    "md5 of a folder": WRITTEN.replace(MD5, f"{MD5}.dir"),
    "md5 in capitals": WRITTEN.replace(MD5, MD5.upper()),
    "md5 as a number": WRITTEN.replace(MD5, "1" * 32),
    "md5 as a path": WRITTEN.replace(MD5, "../../../../x"),
    "md5 with a newline": WRITTEN.replace(MD5, f'"{MD5}\\n"'),
    "other hash": WRITTEN.replace("hash: md5", "hash: etag"),
    "DVC 2": WRITTEN.replace("  hash: md5\n", ""),
    "size as text": WRITTEN.replace("10", "'10'"),
    "size as a truth": WRITTEN.replace("10", "true"),
    "size of any number": WRITTEN.replace("10", "-1"),
    "size as infinity": WRITTEN.replace("10", ".inf"),
    "a tag of Python": WRITTEN.replace("d.csv", "!!python/object/apply:os.system [touch executed]"),
    "a key twice": f"{WRITTEN}  path: e.csv\n",
    "two documents": f"{WRITTEN}---\n{WRITTEN}",
    "long": f"{WRITTEN}#{'x' * 100_000}",
}


@pytest.mark.parametrize("name", POINTERS)
def test_a_hostile_pointer_is_refused_on_one_line(name: str) -> None:
    with pytest.raises(DatasetError) as caught:
        pointer.parse(POINTERS[name], NAME)
    assert caught.value.message.startswith(NAME)
    assert not set(caught.value.message) & {"\n", "\x1b", "\0"}
    assert len(caught.value.message) < 1000
    assert caught.value.hint


@pytest.mark.parametrize("further", ["  desc: about\n", "  meta: {a: [1]}\n  type: x\n  labels: [y]\n", "meta: b\n",
                                     "  cache: true\n  isexec: false\n", "# a comment\n"])  # fmt: skip
def test_what_only_describes_a_dataset_is_welcome(further: str) -> None:
    assert pointer.parse(WRITTEN + further, NAME) == Pointer(MD5, 10, "d.csv")


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(), st.text(alphabet="outsmd5hashpize: -[]{}\n'\"0123456789abf.&*!|>?,#%/~")))
def test_an_accepted_pointer_names_one_object_and_the_file_beside_it(text: str) -> None:
    candidates = (text, f"outs:\n- {text}", WRITTEN.replace("10", text), WRITTEN.replace("d.csv", text), WRITTEN + text)
    for candidate in candidates:
        with contextlib.suppress(DatasetError):
            found = pointer.parse(candidate, NAME)
            assert (len(found.md5), found.path) == (32, "d.csv")
            assert found.size >= 0


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.text(alphabet="[core]remote= \n'\"url:s3/.bx%#\t()$")))
def test_an_accepted_configuration_points_to_s3_and_writes_nothing_else(text: str) -> None:
    usual = "[core]\nremote = a\n['remote \"a\"']\nurl = s3://bucket/x"
    for candidate in (
        text,
        usual + text,
        f"{text}\n{usual}",
        usual.replace("bucket", text),
        usual.replace("a\n", text),
    ):
        with contextlib.suppress(DatasetError):
            found = dvc_config.parse(candidate)
            assert found.url.startswith("s3://")
            assert found.configuration().count("\n") == dvc_config.WRITTEN.count("\n")
            assert dvc_config.parse(found.configuration()).url == found.url
            assert "\n" not in found.notice


PARAMETERS = [
    *(("DATASET", value) for value in (
        "-x.csv", "--help.csv", "datasets/-x.csv", ".git/x.csv", ".dvc/x.csv", "datasets/../x.csv", "a/./b.csv",
        "/etc/passwd.csv", "a//b.csv", "a\nb.csv", "a\0b.csv", "a\x1b.csv", "x.csv ", " x.csv", "a /b.csv", ".csv",
        "a/.csv", "x.csv\n", "s3://b/x.csv", "$(touch x).csv", "`x`.csv", "a;b.csv", "a|b.csv", "C:\\x.csv", "~/x.csv",
        "*.csv", "x" * 300 + ".csv", "x.dvc", "x.csv.dvc", "\u202ex.csv", "a:b.csv",
    )),
    *(("BRANCH", value) for value in (
        "-x", "--upload-pack=x", "a..b", "a.lock", "a.lock/b", ".a", "a/.b", "a/", "/a", "a//b", "a.", "a b", "a~1",
        "a^", "a:b", "@{u}", "main\n", "+main", "refs/heads/../x", "x" * 300, "\u202ea",
    )),
    *(("ROWS", value) for value in ("-1", "1e9", "0x10", "1.0", "\u0663", "1000000000", " 1", "1\n", "NaN")),
    *(("RUN_DATE", value) for value in ("\u0662\u0660\u0662\u0665-01-01", "2025-01-01\nRun-Id: x", "2025-1-1")),
    *(("RUN_ID", value) for value in ("a\nRun-Id: b", "a/../b", "a b", "$(x)", "x" * 251)),
    *(("DAG_ID", value) for value in ("a/b", "a b", "a\nb")),
    *(("REPOSITORY", value) for value in ("ext::sh -c x", "-x", "--upload-pack=x", "git://h/x", "http://a b", "x")),
    *(("SHARED_DIR", value) for value in ("shared", "/a/../b", "/a\nb")),
    *(("CODE_VERSION", value) for value in ("HEAD", "--help", "0" * 65)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), PARAMETERS)
def test_a_hostile_parameter_of_a_dag_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"^PIPELINE_{name} is ") as caught:
        from_environment({**GIVEN, f"PIPELINE_{name}": value})
    assert "\n" not in caught.value.message


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted({name for name, _ in PARAMETERS})), st.text())
def test_whatever_a_parameter_is_the_run_stays_in_its_folder(name: str, value: str) -> None:
    with contextlib.suppress(UsageError):
        run = from_environment({**GIVEN, f"PIPELINE_{name}": value})
        assert run.clone.is_relative_to(run.shared / "runs")
        assert ".." not in run.data_file.parts
        assert not any(part.startswith(("-", ".")) for part in run.dataset.parts)
