#!/usr/bin/env bash
# Make sure that the named tools are there: install Debian's packages when root, otherwise say which are missing.
# usage: xtask/setup.sh build|demo|test|cluster
set -eu
cd "$(dirname "$0")/.."

declare -A package=(
  [cc]=gcc [python3]=python3 [ip]=iproute2 [java]=openjdk-17-jre-headless [javap]=openjdk-17-jdk-headless [mvn]=maven
  [chromium]=chromium [tcpdump]=tcpdump [clang]=clang [llvm-strip]=llvm
  [ctr]=containerd [runc]=runc [iptables]=iptables [conntrack]=conntrack [/usr/lib/cni/bridge]=containernetworking-plugins [jlink]=openjdk-17-jdk-headless [openssl]=openssl
)
case "${1:-build}" in
  build) need=(cc python3) ;;
  demo)  need=(cc python3 ip java mvn) ;;
  test)  need=(cc python3 ip java javap mvn chromium tcpdump clang llvm-strip) ;;
  cluster) need=(cc python3 ip jlink mvn openssl ctr runc iptables conntrack /usr/lib/cni/bridge) ;;
  *) echo "setup.sh: expected build, demo, test or cluster, found '$1'" >&2; exit 2 ;;
esac

missing=()
for tool in "${need[@]}"; do
  command -v "$tool" >/dev/null 2>&1 || missing+=("${package[$tool]}")
done
python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || missing+=(python3-venv)

if [ "${#missing[@]}" -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    # A mirror that fails once is asked again.
    apt-get update -qq -o Acquire::Retries=5
    apt-get install -y -qq -o Acquire::Retries=5 --no-install-recommends "${missing[@]}" </dev/null >/dev/null
  else
    echo "missing: ${missing[*]}" >&2
    echo "hint: apt-get install ${missing[*]}   (or the same tools from your system)" >&2
    exit 1
  fi
fi

python3 - <<'PY' || exit 1
import sys
if sys.version_info < (3, 11):
    sys.exit(f"Python 3.11 or newer is needed, found {sys.version.split()[0]} at {sys.executable}")
PY
if ! command -v cargo >/dev/null 2>&1; then
  echo "missing: cargo (Rust 1.95 builds the core; Debian 12's own is too old)" >&2
  echo "hint: install rustup from your system or from rustup.rs, then run this again" >&2
  exit 1
fi
