#!/usr/bin/env bash
# Sets up what the tests need, builds, and runs them all; see --help.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../deploy/lib/setup.sh"

usage() {
  cat <<'TEXT'
tests/run.sh [--asan] [--tsan] [--tidy] [--long] [--versions]

Installs missing packages (apt, as root or by sudo; Python into build/venv by hash),
builds release, and runs unit, layout and integration tests with both scikit-learns, their core
also as an ordinary user and in containers.

  --asan      the same with AddressSanitizer and UBSan too
  --tsan      the unit tests below server/rpc with ThreadSanitizer
  --tidy      clang-tidy over every source file, buf lint over the protos
  --long      10,000 mutated models instead of 2,000, every offset of more files,
              100,000 random pickles instead of 10,000, every fault at every tier,
              all integration tests for every kind of user and container,
              Debian packages installed and used under systemd,
              a soak of a million requests and 10,000 mutants instead of two minutes
  --versions  every estimator with scikit-learn 1.2, 1.3, 1.5 and 1.7 too, written and loaded
              in an environment of each, and files of each loaded by the newest
TEXT
}

asan=0 tsan=0 tidy=0 long=0 versions=0
while (($#)); do
  case "$1" in
    --asan) asan=1 ;;
    --tsan) tsan=1 ;;
    --tidy) tidy=1 ;;
    --long) long=1 ;;
    --versions) versions=1 ;;
    -h | --help) usage && exit 0 ;;
    *) usage >&2 && die "unknown option $1" ;;
  esac
  shift
done

venv="$LOADLOCK_ROOT/build/venv"
debian_venv="$LOADLOCK_ROOT/build/venv-debian"
results="$LOADLOCK_ROOT/build/results"
failed=0

lists=(deploy/packages/build.txt deploy/packages/test.txt)
((long)) && lists+=(deploy/packages/long.txt)
((tidy)) && lists+=(deploy/packages/tidy.txt)
command -v go >/dev/null || lists+=(deploy/packages/go.txt)
install_packages "${lists[@]}"
make_venv "$venv" tests/requirements.lock
make_venv "$debian_venv" tests/requirements-debian.lock --system-site-packages
install_client "$venv" "$debian_venv"
rm -rf "$results" && mkdir -p "$results"

# grpcurl of a version that Debian 12's Go still builds; go.sum's database checks the source.
grpcurl_version=v1.9.1
if [[ ! -x build/tools/grpcurl ]]; then
  say "grpcurl $grpcurl_version"
  GOBIN="$LOADLOCK_ROOT/build/tools" GOFLAGS=-modcacherw \
    go install "github.com/fullstorydev/grpcurl/cmd/grpcurl@$grpcurl_version"
fi

# Checks metrics and alert rules. Of its package (19 MB) nothing else is wanted, least of all its service.
if [[ ! -x build/tools/promtool ]]; then
  say "promtool"
  apt-cache show prometheus >/dev/null 2>&1 || as_root apt-get update -qq
  (cd "$(mktemp -d)" && apt-get download -qq prometheus && dpkg-deb -x prometheus_*.deb . &&
    install -D usr/bin/promtool "$LOADLOCK_ROOT/build/tools/promtool" && rm -rf "$PWD")
fi

# Whether this machine has what the best tier needs; then a jail that falls below it is a failure.
tier_a_is_possible() {
  local map=()
  ((EUID == 0)) || map=(--map-root-user)
  # 444 is landlock_create_ruleset; with the flag 1 it answers its version.
  unshare "${map[@]}" --mount --pid --fork --net --ipc --uts --cgroup true 2>/dev/null &&
    "$venv/bin/python" -c 'import ctypes; assert ctypes.CDLL(None).syscall(444, None, 0, 1) > 0' \
      2>/dev/null
}
if tier_a_is_possible; then
  export LOADLOCK_TEST_EXPECT_TIER=A
fi

# unit PRESET [options of ctest...]
unit() {
  local preset="$1"
  shift
  say "Unit tests: $preset"
  ctest --test-dir "build/$preset" --output-on-failure --no-tests=error -j "$(nproc)" "$@" \
    --output-junit "$results/unit-$preset.xml" || failed=1
}

# python_tests NAME PRESET VENV CONFIG ARGUMENTS...
python_tests() {
  local name="$1" preset="$2" python="$3/bin/python" config="$4"
  shift 4
  say "$name"
  local file="${name//[,\']/}"
  LOADLOCK_BUILD="$LOADLOCK_ROOT/build/$preset" LOADLOCK_LONG="$long" PYTHONDONTWRITEBYTECODE=1 \
    PATH="$LOADLOCK_ROOT/build/$preset/bin:$PATH" \
    "$python" -m pytest -q -c "$config" --rootdir "$(dirname "$config")" \
    --junitxml "$results/${file// /-}.xml" "$@" || failed=1
}

# What needs the daemon and real models.
models() {
  python_tests "layout" release "$venv" $ours tests/layout
  python_tests "Python client" release "$venv" client/python/pyproject.toml client/python/tests
  python_tests "differential" release "$venv" $ours tests/differential
  python_tests "integration" release "$venv" $ours tests/integration
  python_tests "integration, Debian's scikit-learn and torch" release "$debian_venv" $ours \
    tests/integration -m "models or torch"
  python_tests "Python client, Debian's torch" release "$debian_venv" client/python/pyproject.toml \
    client/python/tests/test_{modules,sparse_tensors,tensors}.py
}

# What attacks it; most of this waits for deadlines.
attacks() {
  python_tests "hostile worker" release "$venv" $ours tests/hostile
  python_tests "faults" release "$venv" $ours tests/faults
  say "Users and containers"
  local arguments=(--results "$results")
  ((long)) && arguments+=(--long)
  LOADLOCK_BUILD="$LOADLOCK_ROOT/build/release" "$venv/bin/python" tests/containers/run.py "${arguments[@]}" ||
    failed=1
}

# side_by_side FIRST SECOND: the output of the second comes after that of the first.
side_by_side() {
  local second log="$results/$2.log"
  set -m # A process group of its own, so that it ends with all that it has started.
  ("$2"; exit "$failed") >"$log" 2>&1 </dev/null &
  second=$!
  set +m
  # shellcheck disable=SC2064 # this process, whatever is started later
  trap "kill -- -$second 2>/dev/null" EXIT
  "$1"
  wait "$second" || failed=1
  trap - EXIT
  cat "$log"
}

build release
unit release
ours=tests/pytest.ini
side_by_side models attacks
if ((long)); then
  python_tests "packages" release "$venv" $ours tests/packages
fi
python_tests "soak" release "$venv" $ours -s tests/soak
if ((versions)); then
  python_tests "estimators, Debian's scikit-learn" release "$debian_venv" $ours tests/differential -m models
  for version in 13 15 17; do
    make_venv "build/venv-sk$version" "tests/requirements-sk$version.lock"
    install_client "$venv" "build/venv-sk$version"
    python_tests "estimators, scikit-learn $version" release "$LOADLOCK_ROOT/build/venv-sk$version" $ours \
      tests/differential -m models
  done
  python_tests "files of other versions" release "$venv" $ours tests/versions
fi

if ((asan)); then
  build asan
  unit asan
  python_tests "integration with sanitizers" asan "$venv" $ours tests/integration
  python_tests "integration with sanitizers, Debian's torch" asan "$debian_venv" $ours tests/integration \
    -m "models or torch"
  python_tests "hostile worker with sanitizers" asan "$venv" $ours tests/hostile
fi
if ((tsan)); then
  build tsan
  # What runs on gRPC is left out: Debian's is built without the sanitizer, which then sees races
  # wherever it hands something from thread to thread.
  unit tsan --label-exclude 'daemon|integration'
fi
if ((tidy)); then
  say "clang-tidy"
  run-clang-tidy -quiet -p build/release "^$LOADLOCK_ROOT/(sandbox|server|client|tests)/" || failed=1
  # The newest that Debian 12's Go builds.
  say "buf lint"
  GOBIN="$LOADLOCK_ROOT/build/tools" GOFLAGS=-modcacherw go install github.com/bufbuild/buf/cmd/buf@v1.15.1
  (cd proto && ../build/tools/buf lint .) || failed=1
fi

say "Done in $((SECONDS / 60)) min $((SECONDS % 60)) s"
"$venv/bin/python" tests/summary.py "$results" || failed=1
exit "$failed"
