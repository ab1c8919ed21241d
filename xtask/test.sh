#!/usr/bin/env bash
# Every test that this machine allows, fast ones first. Each part names what it skips and why.
set -u
cd "$(dirname "$0")/.."
failed=()
skipped=()
part() { # part NAME COMMAND...
  local name=$1; shift
  echo "── $name"
  local began=$SECONDS
  if "$@"; then echo "   $name: $((SECONDS - began)) s"; else failed+=("$name"); echo "   $name: FAILED"; fi
}
skip() { echo "── $1"; echo "   $1: skipped, $2"; skipped+=("$1: $2"); }

part "lint" xtask/lint.sh
part "rust" cargo test --workspace --locked -q
# Without helm, the chart's tests are skipped.
if helm=$(tests/kubernetes/helm/helm.sh ${KAFKASCOPE_KUBE_BUILD:+build}); then export HELM=$helm; fi
# Without Prometheus, the tests that scrape with it are skipped.
if prometheus=$(tests/export/prometheus.sh); then export PATH=$PATH:$prometheus; fi
# Without an OpenTelemetry Collector, the tests that push to it are skipped.
if collector=$(tests/export/collector.sh ${KAFKASCOPE_KUBE_BUILD:+build}); then export KAFKASCOPE_COLLECTOR=$collector; fi
part "python" .venv/bin/pytest -n 2 -m "not live and not demo and not browser and not kubernetes and not cluster"
part "page" xtask/node.sh npm run --silent --prefix web test
if command -v mvn >/dev/null && command -v javap >/dev/null; then part "schema" python3 xtask/schema/check.py; else skip "schema" "it reads Kafka's jars, which mvn brings, with javap"; fi
if command -v clang >/dev/null && command -v llvm-strip >/dev/null; then
  # Another compiler than the pinned one gives other bytes.
  if clang --version | grep -q 'version 14\.'; then part "bpf objects" xtask/bpf.sh check; else skip "bpf objects" "they were built with clang 14"; fi
else
  skip "bpf objects" "clang and llvm-strip rebuild them"
fi
if [ "$(id -u)" != 0 ]; then
  skip "kernel" "eBPF and packet sockets need root"
elif .venv/bin/px doctor -o json | grep -q '"status": "fail"'; then
  skip "kernel" "this kernel refuses eBPF, see px doctor"
else
  part "kernel" cargo test --locked -q -p kafkascope-capture --test live_ebpf --test live_packets -- --ignored
fi
if kube=$(tests/kubernetes/cluster/binary.sh ${KAFKASCOPE_KUBE_BUILD:+build}); then
  export KAFKASCOPE_KUBE=$kube
  part "kubernetes API" .venv/bin/pytest -n 2 -m kubernetes tests/kubernetes
  if [ "$(id -u)" != 0 ]; then
    skip "kubernetes nodes" "namespaces, cgroups and containers need root"
  elif xtask/setup.sh cluster; then
    part "kubernetes nodes (about ten minutes)" .venv/bin/pytest -m cluster -rs tests/kubernetes
  else
    skip "kubernetes nodes" "tools are missing, see above"
  fi
else
  skip "kubernetes" "its binary is missing: KAFKASCOPE_KUBE=FILE names one, KAFKASCOPE_KUBE_BUILD=1 has it built (about 15 minutes, once)"
fi
part "live" .venv/bin/pytest -m "live" -rs
part "demo" .venv/bin/pytest -m "demo" -rs
part "browser" .venv/bin/pytest -m "browser" -rs

[ "${#skipped[@]}" -eq 0 ] || { printf '\nskipped:\n'; printf '  %s\n' "${skipped[@]}"; }
if [ "${#failed[@]}" -gt 0 ]; then
  printf '\nfailed: %s\n' "${failed[*]}"
  exit 1
fi
printf '\nall parts passed\n'
