"""Run by LocalStack's Python: overwrite one object, dying at every file operation in turn; read the folder each time.

Prints how many steps there were. Exits with an error if a death ever left anything but the whole old or new object.
"""

import os
import sys
from collections.abc import Callable
from functools import partial
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any

from lab_hooks.durable_s3.files import BucketFolder, DurableFolder
from lab_hooks.durable_s3.records import body_of
from lab_hooks.durable_s3.restore import default_record, restore_bucket
from lab_hooks.durable_s3.storage import DurableStoredObject
from localstack.services.s3.models import S3Object, s3_stores

OLD, NEW = b"old" * 1000, b"new" * 2000
FILE_EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}
DIED, FINISHED = 9, 0


def in_child(work: Callable[[], None]) -> int:
    """Run in a forked process and return its exit code."""
    if (child := os.fork()) == 0:
        work()
        os._exit(FINISHED)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def put(folder: BucketFolder, content: bytes) -> None:
    """Write the object the way the S3 provider does."""
    restore_bucket(folder)
    bucket: Any = s3_stores["000000000000"]["us-east-1"].buckets[folder.name]
    s3_object = S3Object(key="k")
    with DurableStoredObject(s3_object, folder, "w") as stored:
        stored.write(BytesIO(content))
        bucket.objects.set("k", s3_object)


def put_and_die(root: Path, content: bytes, step: int) -> None:
    """Write the object, and end without any clean-up before the given file operation."""
    folder = DurableFolder(root).bucket("data")
    seen = 0

    def die(event: str, _: object) -> None:
        nonlocal seen
        seen += event in FILE_EVENTS
        if seen > step:
            os._exit(DIED)

    sys.addaudithook(die)
    put(folder, content)


def check(root: Path) -> None:
    """Read the folder as a new process does; exactly one whole object and no leftover may be there."""
    folder = DurableFolder(root).bucket("data")
    restore_bucket(folder)
    s3_object: Any = s3_stores["000000000000"]["us-east-1"].buckets["data"].objects.get("k")
    content = body_of(s3_object).read_bytes()
    whole = content in {OLD, NEW} and s3_object.size == len(content)
    tidy = len(list(folder.bodies.iterdir())) == 1 and not (root / "set-aside").exists()
    os._exit(FINISHED if whole and tidy else 1)


def main(root: Path) -> None:
    """Die at step 0, 1, 2 … until a run gets to its end."""

    def lay_out() -> None:
        folder = DurableFolder(root).bucket("data")
        folder.create(default_record(folder))
        put(folder, OLD)

    # Once here rather than in every child: LocalStack takes its time over the list of regions.
    s3_stores["000000000000"]["us-east-1"]
    assert in_child(lay_out) == FINISHED
    for step in count():
        code = in_child(partial(put_and_die, root, NEW if step % 2 else OLD, step))
        if code != DIED:
            break
        assert in_child(partial(check, root)) == FINISHED, f"not whole after a death at step {step}"
    assert code == FINISHED
    sys.stdout.write(f"{step}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
