#!/usr/bin/env bash
# Print the path of helm: what HELM names, else the one on the path, else one built earlier, else (with "build") built now from the modules that go.sum
# pins: about three minutes on two cores, once.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ -n "${HELM:-}" ]; then
  echo "$HELM"; exit 0
fi
command -v helm && exit 0
helm=${XDG_CACHE_HOME:-$HOME/.cache}/kafkascope/helm-$(cat "$here/go.mod" "$here/go.sum" | sha256sum | cut -c1-16)
if [ ! -x "$helm" ]; then
  [ "${1:-}" = build ] || { echo "no helm: put it on the path, or name it with HELM; \`tests/kubernetes/helm/helm.sh build\` makes one" >&2; exit 1; }
  command -v go >/dev/null || { echo "no helm, and no Go to build it" >&2; exit 1; }
  mkdir -p "$(dirname "$helm")"
  (cd "$here" && CGO_ENABLED=0 timeout 1200 go build -mod=readonly -trimpath -o "$helm.part" helm.sh/helm/v3/cmd/helm) >&2 || { echo "no helm: its build failed, see above" >&2; exit 1; }
  mv "$helm.part" "$helm"
fi
echo "$helm"
