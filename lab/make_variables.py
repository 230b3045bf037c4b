"""Suggests variables for names that the Makefile does not have: `unknown… -- known…`.

Standard library only: `make` calls it before the lab's environment exists.
"""

import difflib
import sys


def main() -> None:
    divider = sys.argv.index("--")
    unknown, known = sys.argv[1:divider], sys.argv[divider + 1 :]
    for name in unknown:
        close = difflib.get_close_matches(name.upper(), known, 1, cutoff=0.5)
        sys.stdout.write(f"{name} (did you mean {close[0]}?) " if close else f"{name} ")


main()
