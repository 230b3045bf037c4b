"""Unit tests. Colour is decided when `lab.ui` is imported, so what would force it goes before that."""

import os

for _name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
    os.environ.pop(_name, None)
