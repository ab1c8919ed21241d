#!/usr/bin/env bash
# Print the folder with prometheus and promtool: that of the path, else Debian's package unpacked in the cache. It is not installed: that would
# start a server on port 9090.
set -eu
command -v promtool >/dev/null && prometheus=$(command -v prometheus) && { dirname "$prometheus"; exit 0; }
cache=${XDG_CACHE_HOME:-$HOME/.cache}/kafkascope/prometheus
if [ ! -x "$cache/usr/bin/promtool" ]; then
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || { echo "no prometheus: put it on the path" >&2; exit 1; }
  mkdir -p "$cache"
  part=$(mktemp -d "$cache/part.XXXXXX")
  trap 'rm -rf "$part"' EXIT
  # As root, apt gives the download to a user of its own, who cannot write here.
  (cd "$part" && { apt-get download -qq prometheus 2>/dev/null || { apt-get update -qq && apt-get download -qq prometheus; }; } >&2) \
    || { echo "no prometheus: apt-get download prometheus failed" >&2; exit 1; }
  dpkg-deb -x "$part"/prometheus_*.deb "$cache"
fi
echo "$cache/usr/bin"
