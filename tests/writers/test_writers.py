"""However many write at once, and wherever they crash: each run makes its version, and no row is lost or doubled."""

from __future__ import annotations

import os
from collections.abc import Callable

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.writers.place import Place
from tests.writers.writers import Host, Writer

WRITERS = 3
ROWS = st.lists(st.sampled_from([0, 1, 2, 5]), min_size=2, max_size=WRITERS)
PERSON = st.tuples(st.sampled_from(["notes", "appends"]), st.just(0), st.just(0))
GO = st.tuples(st.just("go"), st.integers(0, WRITERS - 1), st.integers(1, 150))
CRASH = st.tuples(st.just("crash"), st.integers(0, WRITERS - 1), st.just(0))
EVENTS = st.lists(st.one_of(GO, GO, GO, CRASH, PERSON), max_size=40)

# The same examples each time. Making a failing one smaller takes many minutes: that is for a person who debugs it,
# by HYPOTHESIS_WRITERS=thorough.
STEADY = [Phase.explicit, Phase.generate]
settings.register_profile("writers", max_examples=12, derandomize=True, phases=STEADY)
settings.register_profile("writers-thorough", max_examples=300)
PROFILE = "writers-thorough" if os.environ.get("HYPOTHESIS_WRITERS") == "thorough" else "writers"


@settings(
    settings.get_profile(PROFILE),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(rows=ROWS, events=EVENTS)
def test_any_interleaving_of_writers_and_crashes_keeps_every_row(
    host: Host, new_place: Callable[[], Place], rows: list[int], events: list[tuple[str, int, int]]
) -> None:
    place = new_place()
    writers = [
        Writer(host, place.environment(number, count), place.folder / f"run-{number}.log", count)
        for number, count in enumerate(rows)
    ]
    by_hand = 0
    for what, number, lines in events:
        writer = writers[number % len(writers)]
        if what == "go":
            writer.go(lines)
        elif what == "crash":
            writer.crash()
        elif what == "notes":
            place.person_notes()
        else:
            by_hand += place.person_appends()
        place.require_object_of_head()
    for writer in writers:
        writer.finish()
    place.require_promises({writer.run_id: writer.rows for writer in writers}, by_hand)
