#!/usr/bin/env bash
# Fuzz with libFuzzer on stable Rust: coverage without sanitizers, since what is fuzzed is safe Rust whose faults are panics.
# usage: xtask/fuzz.sh [SECONDS] [TARGET...]      every target for so many seconds (default 60), one after another
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}
shift || true
targets=("$@")
[ "${#targets[@]}" -gt 0 ] || targets=(batches blobs captures lines long plans reassembly session)
command -v c++ >/dev/null || { echo "missing: a C++ compiler (libFuzzer is C++)" >&2; echo "hint: apt-get install g++" >&2; exit 1; }

host=$(rustc -vV | sed -n 's/^host: //p')
target_dir=${CARGO_TARGET_DIR:-target}
# --target keeps these flags from build scripts and macros.
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
coverage+=" -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
RUSTFLAGS="$coverage --cfg fuzzing -Cdebug-assertions -Coverflow-checks" \
  CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_STRIP=none CARGO_TARGET_DIR="$target_dir/fuzz" \
  cargo build -q --release --locked -p kafkascope-fuzz --features libfuzzer "${targets[@]/#/--bin=}" --target "$host"
bin=$target_dir/fuzz/$host/release

corpus=$target_dir/fuzz-corpus
mkdir -p "$corpus"
cargo run -q --locked -p kafkascope-fuzz -- "$corpus" >/dev/null
failed=()
for target in "${targets[@]}"; do
  mkdir -p "$corpus/$target"
  log=$target_dir/fuzz-$target.log
  if "$bin/$target" -max_total_time="$seconds" -max_len=8192 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="fuzz/regressions/$target-" "$corpus/$target" >"$log" 2>&1; then
    executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    covered=$(grep -o 'cov: [0-9]*' "$log" | tail -1)
    echo "$target: $executed executions, $covered, $(ls "$corpus/$target" | wc -l) inputs kept"
  else
    echo "$target: FAILED, see $log; the input is in fuzz/regressions/"
    failed+=("$target")
  fi
done
[ "${#failed[@]}" -eq 0 ]
