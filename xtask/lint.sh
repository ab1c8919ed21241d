#!/usr/bin/env bash
# Formatting, lints and types; warnings are errors.
set -eu
cd "$(dirname "$0")/.."
cargo fmt --all --check
cargo clippy --workspace --all-targets --locked -q -- -D warnings
.venv/bin/ruff check -q python tests xtask
.venv/bin/mypy --no-error-summary
xtask/node.sh npm run --silent --prefix web check
