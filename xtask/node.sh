#!/usr/bin/env bash
# Run a command with Node.js 20.19 or newer first on the PATH: the system's, otherwise one installed into .venv.
set -eu
cd "$(dirname "$0")/.."
new_enough() { "$1" -e 'const [a,b]=process.versions.node.split(".").map(Number); process.exit(a>20||(a===20&&b>=19)?0:1)' 2>/dev/null; }
if ! { command -v node >/dev/null && command -v npm >/dev/null && new_enough node; }; then
  [ -x .venv/bin/npm ] || .venv/bin/pip install -q --require-hashes -r requirements/node.txt
  PATH="$PWD/.venv/bin:$PATH"; export PATH
fi
exec "$@"
