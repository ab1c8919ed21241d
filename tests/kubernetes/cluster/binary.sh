#!/usr/bin/env bash
# Print the path of the binary that holds etcd and Kubernetes: what KAFKASCOPE_KUBE names, else one built earlier, else (with "build") built
# now from the Go modules that kube/go.mod pins: about 15 minutes on two cores, once.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ -n "${KAFKASCOPE_KUBE:-}" ]; then
  [ -x "$KAFKASCOPE_KUBE" ] || { echo "KAFKASCOPE_KUBE: $KAFKASCOPE_KUBE is not a program" >&2; exit 1; }
  echo "$KAFKASCOPE_KUBE"; exit 0
fi
cache=${XDG_CACHE_HOME:-$HOME/.cache}/kafkascope
kube=$cache/kube-$(cat "$here"/kube/*.go "$here/kube/go.mod" "$here/kube/build.sh" | sha256sum | cut -c1-16)
if [ ! -x "$kube" ]; then
  [ "${1:-}" = build ] || { echo "no Kubernetes binary: KAFKASCOPE_KUBE=FILE names one; \`tests/kubernetes/cluster/binary.sh build\`, or \`KAFKASCOPE_KUBE_BUILD=1 make test\`, builds one from Go modules (about 15 minutes, once)" >&2; exit 1; }
  command -v go >/dev/null || { echo "no Kubernetes binary, and no Go to build it" >&2; exit 1; }
  mkdir -p "$cache"
  # A proxy that does not answer must not hold up everything behind it.
  timeout 1800 "$here/kube/build.sh" 1.37.2 "$kube.part" >&2 || { echo "no Kubernetes binary: its build failed or took more than 30 minutes, see above" >&2; exit 1; }
  mv "$kube.part" "$kube"
fi
echo "$kube"
