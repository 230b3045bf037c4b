"""Pointers as DVC writes them, and YAML that expands without end."""

from __future__ import annotations

MD5 = "0123456789abcdef0123456789abcdef"
WRITTEN = f"outs:\n- md5: {MD5}\n  size: 10\n  hash: md5\n  path: d.csv\n"
NESTED = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
BOMB = f"a0: &a0 [{', '.join(['x'] * 9)}]\n{NESTED}"
"""Nine to the twelfth strings in a few hundred bytes: "billion laughs"."""
