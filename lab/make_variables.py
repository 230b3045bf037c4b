"""Suggests what was meant by variables or targets that the Makefile does not have: `unknown… -- known…`.

Standard library only: `make` calls it before the lab's environment exists.
"""

import difflib
import sys


def main() -> None:
    divider = sys.argv.index("--")
    unknown, known = sys.argv[1:divider], {name.lower(): name for name in sys.argv[divider + 1 :]}
    for name in unknown:
        close = difflib.get_close_matches(name.lower(), known, 1, cutoff=0.5)
        sys.stdout.write(f"{name} (did you mean {known[close[0]]}?) " if close else f"{name} ")


main()
