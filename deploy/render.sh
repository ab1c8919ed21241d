#!/usr/bin/env bash
# Render the chart into the plain manifests that `px deploy` applies and that need no helm; `check` only compares.
# HELM names helm when it is not on the path.
set -eu
cd "$(dirname "$0")/.."
target=python/kafkascope/deploy/kafkascope.yaml
rendered=$(mktemp); trap 'rm -f "$rendered"' EXIT
{
  echo "# Rendered from deploy/helm/kafkascope by deploy/render.sh: change the chart, not this file."
  "${HELM:-helm}" template kafkascope deploy/helm/kafkascope --namespace kafkascope --kube-version 1.37.0 --set link.existingSecret=kafkascope-link |
    sed -e '/^# Source: /d' -e 's#managed-by: Helm#managed-by: px#'
} >"$rendered"
if [ "${1:-}" = check ]; then
  diff -u "$target" "$rendered" || { echo "$target is not what the chart renders: run deploy/render.sh" >&2; exit 1; }
else
  cp "$rendered" "$target" && chmod 644 "$target"
fi
