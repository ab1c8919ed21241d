#!/usr/bin/env bash
# Print the path of an OpenTelemetry Collector that takes OTLP and passes it on: what KAFKASCOPE_COLLECTOR names, else one built earlier, else (with
# "build") built now from the modules that collector/go.sum pins: a few minutes on two cores, once.
set -eu
here=$(cd "$(dirname "$0")" && pwd)/collector
if [ -n "${KAFKASCOPE_COLLECTOR:-}" ]; then
  [ -x "$KAFKASCOPE_COLLECTOR" ] || { echo "KAFKASCOPE_COLLECTOR: $KAFKASCOPE_COLLECTOR is not a program" >&2; exit 1; }
  echo "$KAFKASCOPE_COLLECTOR"; exit 0
fi
collector=${XDG_CACHE_HOME:-$HOME/.cache}/kafkascope/collector-$(cat "$here/main.go" "$here/go.mod" "$here/go.sum" | sha256sum | cut -c1-16)
if [ ! -x "$collector" ]; then
  [ "${1:-}" = build ] || { echo "no OpenTelemetry Collector: KAFKASCOPE_COLLECTOR names one, \`tests/export/collector.sh build\` makes one (a few minutes, once)" >&2; exit 1; }
  command -v go >/dev/null || { echo "no OpenTelemetry Collector, and no Go to build it" >&2; exit 1; }
  mkdir -p "$(dirname "$collector")"
  # A proxy that does not answer must not hold up everything behind it.
  (cd "$here" && CGO_ENABLED=0 timeout 1200 nice -n 10 go build -mod=readonly -trimpath -ldflags '-s -w' -o "$collector.part" .) >&2 \
    || { echo "no OpenTelemetry Collector: its build failed or took more than 20 minutes, see above" >&2; exit 1; }
  mv "$collector.part" "$collector"
fi
echo "$collector"
