# Sourced by deploy/quickstart.sh and tests/run.sh: packages, virtual environments, builds.
# Everything is made below build/ and made again only when what it depends on has changed.

LOADLOCK_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"

say() { printf '\n==> %s\n' "$*"; }

die() {
  printf 'error: %s\n' "$*" >&2
  exit 2
}

# as_root COMMAND...: as it is, or by sudo.
as_root() {
  if ((EUID == 0)); then
    "$@"
  else
    command -v sudo >/dev/null || die "needs root or sudo for: $*"
    sudo "$@"
  fi
}

# Installs the packages that the given lists name and that are missing; no apt if none is.
install_packages() {
  local missing=() package
  while read -r package; do
    if [[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]]; then
      missing+=("$package")
    fi
  done < <(sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$@")
  if ((${#missing[@]} == 0)); then
    say "Debian packages: all there"
    return
  fi
  say "Debian packages: installing ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null
}

system_python() {
  if [[ -x /usr/bin/python3 ]]; then
    echo /usr/bin/python3
  else
    command -v python3 || die "no python3"
  fi
}

# make_venv FOLDER LOCK [options of venv...]: every package by version and hash.
make_venv() {
  local folder="$1" lock="$2" stamp
  shift 2
  stamp="$(sha256sum <"$lock")$*"
  if [[ -f "$folder/stamp" && "$(<"$folder/stamp")" == "$stamp" ]]; then
    return
  fi
  say "Python packages of $(basename "$lock") into ${folder#"$LOADLOCK_ROOT"/}"
  "$(system_python)" -m venv --clear "$@" "$folder"
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
    --requirement "$lock"
  printf '%s' "$stamp" >"$folder/stamp"
}

# install_client VENV...: builds the wheel in the first and installs it in all.
install_client() {
  local wheels="$LOADLOCK_ROOT/build/wheels" stamp venv
  stamp="$(cd "$LOADLOCK_ROOT" &&
    find client/python proto -type f \( -name '*.py' -o -name '*.toml' -o -name '*.proto' \) \
      -not -name '*_pb2.py' -not -path '*/build/*' -print0 | sort -z | xargs -0 cat | sha256sum)"
  for venv in "$@"; do
    if [[ -f "$venv/client" && "$(<"$venv/client")" == "$stamp" ]]; then
      continue
    fi
    if [[ ! -f "$wheels/stamp" || "$(<"$wheels/stamp")" != "$stamp" ]]; then
      say "The Python client"
      rm -rf "$wheels" "$LOADLOCK_ROOT/client/python/build"
      "$1/bin/python" -m pip wheel --quiet --disable-pip-version-check --no-deps \
        --no-build-isolation --wheel-dir "$wheels" "$LOADLOCK_ROOT/client/python"
      printf '%s' "$stamp" >"$wheels/stamp"
    fi
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
      --force-reinstall "$wheels"/loadlock-*.whl
    printf '%s' "$stamp" >"$venv/client"
  done
}

# build PRESET [TARGET...]
build() {
  local preset="$1"
  shift
  say "Build: $preset${*:+ ($*)}"
  cmake --preset "$preset" -S "$LOADLOCK_ROOT" >"$LOADLOCK_ROOT/build/cmake-$preset.log" 2>&1 ||
    { cat "$LOADLOCK_ROOT/build/cmake-$preset.log" >&2 && die "cmake --preset $preset failed"; }
  ninja -C "$LOADLOCK_ROOT/build/$preset" "$@"
}

mkdir -p "$LOADLOCK_ROOT/build"
cd "$LOADLOCK_ROOT" || exit 2
