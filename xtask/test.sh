#!/usr/bin/env bash
# Every test that this machine allows, fast ones first. Each part names what it skips and why.
set -u
cd "$(dirname "$0")/.."
failed=()
part() { # part NAME COMMAND...
  local name=$1; shift
  echo "── $name"
  local began=$SECONDS
  if "$@"; then echo "   $name: $((SECONDS - began)) s"; else failed+=("$name"); echo "   $name: FAILED"; fi
}

part "lint" xtask/lint.sh
part "rust" cargo test --workspace --locked -q
part "python" .venv/bin/pytest -n 2 -m "not live and not demo and not browser"
part "page" xtask/node.sh npm run --silent --prefix web test
part "live" .venv/bin/pytest -m "live" -rs
part "demo" .venv/bin/pytest -m "demo" -rs
part "browser" .venv/bin/pytest -m "browser" -rs

if [ "${#failed[@]}" -gt 0 ]; then
  printf '\nfailed: %s\n' "${failed[*]}"
  exit 1
fi
printf '\nall parts passed\n'
