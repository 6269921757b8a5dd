# shellcheck shell=bash
# What bin/run and bin/test share: Python, the virtual environment, and children that end with the script.
# To be sourced, from the root of the project. Kept to what bash 3.2 knows, since macOS has no newer one.

say() { printf '%s\n' "$*" >&2; }
fail() { say "bin/$(basename "$0"): $*"; exit 1; }

# --- Python ---------------------------------------------------------------------------------------------------

find_python() {
  local candidate
  for candidate in python3.11 python3 python3.12 python3.13; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      printf '%s' "$candidate"
      return
    fi
  done
  fail "Python 3.11 or later is needed, and none is on the PATH."
}

# make_venv FILE: .venv with what deploy/locks/FILE lists, and no file with another hash; quick where that was done
# before.
make_venv() {
  local system_python wanted stamp=".venv/.installed-$1"
  system_python=$(find_python) || exit 1
  # A virtual environment does not survive a move: its python is asked, not only its folder.
  if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
    say "Making the virtual environment .venv ..."
    rm -rf .venv
    if ! step "$system_python" -m venv .venv; then
      rm -rf .venv
      fail "the virtual environment cannot be made; on Debian and Ubuntu: apt-get install python3-venv"
    fi
  fi
  wanted=$(digest_of "deploy/locks/$1")
  if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
    say "Installing $1 ..."
    .venv/bin/python -m pip --version >/dev/null 2>&1 || step .venv/bin/python -m ensurepip >&2
    step .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r "deploy/locks/$1" \
      || fail "the packages of $1 cannot be installed."
    printf '%s\n' "$wanted" >"$stamp"
  fi
}

# digest_of FILE...: what the files hold, and where they stand, as one word.
digest_of() {
  .venv/bin/python - "$@" <<'PYTHON'
import hashlib
import sys

digest = hashlib.sha256(f"{sys.prefix} {sys.version}".encode())
for name in dict.fromkeys(sys.argv[1:]):
    with open(name, "rb") as file:
        digest.update(file.read())
print(digest.hexdigest())
PYTHON
}

# --- Children -------------------------------------------------------------------------------------------------

# A trap of bash runs while it waits, but not while a command in the foreground runs: hence the background.
foreground=""

# step COMMAND...: run it to its end, so that a signal to this script is handled meanwhile.
step() {
  local status=0
  "$@" </dev/null &
  foreground=$!
  wait "$foreground" || status=$?
  foreground=""
  return "$status"
}

# stop PID...: ask them to end, and make them after 15 seconds.
stop() {
  local pid waited=0
  for pid in "$@"; do kill -TERM "$pid" 2>/dev/null || true; done
  while [ "$waited" -lt 150 ] && any_alive "$@"; do
    sleep 0.1
    waited=$((waited + 1))
  done
  for pid in "$@"; do kill -KILL "$pid" 2>/dev/null || true; done
  for pid in "$@"; do wait "$pid" 2>/dev/null || true; done
}

any_alive() {
  local pid
  for pid in "$@"; do
    if kill -0 "$pid" 2>/dev/null; then return 0; fi
  done
  return 1
}
