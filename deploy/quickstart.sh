#!/usr/bin/env bash
# From nothing to a vetted model: installs, builds, trains iris, loads it through the daemon,
# then shows that the same file with a payload is refused. Safe to run again.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/setup.sh"

install_packages deploy/packages/build.txt
make_venv build/venv tests/requirements.lock
install_client build/venv
build release loadlockd loadlock-worker loadlock
say "Quickstart"
LOADLOCK_BIN="$LOADLOCK_ROOT/build/release/bin" PATH="$LOADLOCK_ROOT/build/release/bin:$PATH" \
  exec build/venv/bin/python deploy/quickstart.py
