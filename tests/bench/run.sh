#!/usr/bin/env bash
# Builds, makes the models, measures, and prints a table with PASS or MISS for each goal.
# Arguments go to bench.py, e.g. --only rpc. LOADLOCK_BUILD takes another build folder.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../deploy/lib/setup.sh"

venv="$LOADLOCK_ROOT/build/venv-bench"
models="$LOADLOCK_ROOT/build/bench-models"
targets=(loadlockd loadlock-worker loadlock bench_rpc bench_jail bench_pickle)

install_packages deploy/packages/build.txt deploy/packages/bench.txt
make_venv "$venv" tests/bench/requirements.lock
install_client "$venv"
if [[ -n "${LOADLOCK_BUILD:-}" ]]; then
  build_folder="$LOADLOCK_BUILD"
  ninja -C "$build_folder" "${targets[@]}"
else
  build_folder="$LOADLOCK_ROOT/build/release"
  build release "${targets[@]}"
fi

# Made anew only when the script or a library has changed.
stamp="$(cat tests/bench/models.py tests/bench/requirements.lock | sha256sum)"
if [[ ! -f "$models/stamp" || "$(<"$models/stamp")" != "$stamp" ]]; then
  say "Models"
  rm -rf "$models"
  "$venv/bin/python" tests/bench/models.py "$models"
  printf '%s' "$stamp" >"$models/stamp"
fi

say "Measuring on $(nproc) cores, load average $(cut -d' ' -f1-3 /proc/loadavg)"
exec "$venv/bin/python" tests/bench/bench.py --build "$build_folder" --models "$models" "$@"
