#!/usr/bin/env bash
# The benchmarks: figures and ratios within one run. Each part says what it needs.
# usage: xtask/bench.sh [core|decode|store|compile|lag|freshness|memory|overhead|agent|idle]...
set -eu
cd "$(dirname "$0")/.."
parts=("$@")
[ "${#parts[@]}" -gt 0 ] || parts=(core decode store compile lag freshness memory overhead agent idle)
for part in "${parts[@]}"; do
  echo "── $part"
  .venv/bin/python "xtask/bench/$part.py" || echo "   $part did not finish"
done
