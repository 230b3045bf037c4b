#!/bin/sh
# Runs `lab …` in the lab's own environment, and makes that environment first if it is missing or its lock has changed.
# Needs a POSIX shell only; `lab/bootstrap.py` does the rest once a Python is found.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
environment="$root/.lab/environments/lab"

# Bytecode goes below .lab/, also where the person's shell asks for none: the services start twice as fast with it.
unset PYTHONDONTWRITEBYTECODE PYTHONHOME PYTHONPATH VIRTUAL_ENV
export PYTHONPYCACHEPREFIX="$root/.lab/cache/bytecode"

lock_stamp() { (cd "$root" && cat uv.lock pyproject.toml lab/bootstrap.py | cksum); }

if [ "${1:-}" = --dev ]; then
    stamp="$environment/.stamp-dev"
    groups=--dev
    shift
else
    stamp="$environment/.stamp"
    groups=
fi

pin() { sed -n "/^\[python\]/,/^\[git\]/s/^$1 = \"\([0-9.]*\)\".*/\1/p" "$root/lab/pins.toml" | head -n 1; }

usable() {
    "$1" - "$minimum" "$below" 2>/dev/null <<'PYTHON'
import sys
import bz2, ctypes, sqlite3, ssl, venv, zlib  # a Python built without these can't run Airflow
low, high = (tuple(map(int, text.split("."))) for text in sys.argv[1:])
sys.exit(not low <= sys.version_info[:2] < high)
PYTHON
}

candidates() {
    for name in python3 python3.13 python3.12 python3.11 python; do
        command -v "$name" 2>/dev/null || true
    done
    for folder in "${PYENV_ROOT:-${HOME:-}/.pyenv}/versions" "${UV_PYTHON_INSTALL_DIR:-${HOME:-}/.local/share/uv/python}" \
        "${HOME:-}/.local/share/mise/installs/python" "${HOME:-}/.asdf/installs/python" /opt/homebrew/opt /usr/local/opt; do
        for file in "$folder"/*/bin/python3; do
            [ -x "$file" ] && echo "$file"
        done
    done
    for file in /usr/bin/python3 /usr/local/bin/python3; do [ -x "$file" ] && echo "$file"; done
    true
}

find_python() {
    if [ -n "${LAB_PYTHON:-}" ]; then
        usable "$LAB_PYTHON" && { echo "$LAB_PYTHON"; return 0; }
        return 1
    fi
    candidates | while IFS= read -r candidate; do
        if usable "$candidate"; then
            echo "$candidate"
            break
        fi
    done
}

if ! [ -f "$stamp" ] || [ "$(lock_stamp)" != "$(cat "$stamp")" ]; then
    minimum=$(pin minimum)
    below=$(pin below)
    python=$(find_python || true)
    if [ -z "$python" ]; then
        found=$(python3 --version 2>/dev/null || echo "no python3 on PATH")
        echo "error: no usable Python: the lab needs at least $minimum and below $below (found: ${LAB_PYTHON:-$found})" >&2
        echo "hint: install one (apt install python3 · brew install python@3.12 · pyenv install 3.12 · uv python install 3.12), or name one: LAB_PYTHON=/path/to/python3 make lab-up" >&2
        exit 4
    fi
    "$python" "$root/lab/bootstrap.py" $groups "$@"
    lock_stamp > "$environment/.stamp.new"
    [ -n "$groups" ] && cp "$environment/.stamp.new" "$environment/.stamp-dev"
    mv "$environment/.stamp.new" "$environment/.stamp"
fi

exec "$environment/bin/python" -m lab "$@"
