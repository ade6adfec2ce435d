#!/usr/bin/env bash
# Checks deploy/kubernetes offline, in an environment of its own; arguments go to pytest.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../deploy/lib/setup.sh"

make_venv build/venv-kubernetes tests/requirements-kubernetes.lock
# Debian 12's kubectl knows no components.
if ! kubectl kustomize deploy/kubernetes/example >/dev/null 2>&1 && [[ ! -x build/tools/kustomize ]]; then
  command -v go >/dev/null || install_packages deploy/packages/go.txt
  say "kustomize"
  GOBIN="$LOADLOCK_ROOT/build/tools" GOFLAGS=-modcacherw \
    go install sigs.k8s.io/kustomize/kustomize/v5@v5.0.3
fi
exec build/venv-kubernetes/bin/python -m pytest -q -c tests/kubernetes/pytest.ini --rootdir tests \
  --confcutdir tests/kubernetes "$@" tests/kubernetes
