#!/usr/bin/env bash
# Rebuild the committed eBPF objects, or with "check" compare them byte by byte with a fresh build.
# usage: xtask/bpf.sh [build|check]      CLANG and STRIP name other tools (built with Debian 12's clang 14)
set -eu
cd "$(dirname "$0")/../crates/capture/bpf"
clang=${CLANG:-clang} strip=${STRIP:-llvm-strip} mode=${1:-build}
case "$mode" in build | check) ;; *) echo "bpf.sh: expected build or check, found '$mode'" >&2; exit 2 ;; esac
for tool in "$clang" "$strip"; do
  command -v "$tool" >/dev/null 2>&1 || { echo "missing: $tool" >&2; echo "hint: apt-get install clang llvm" >&2; exit 1; }
done
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
bad=0
for arch in x86:x86_64 arm64:aarch64; do
  object=kafka.${arch#*:}.bpf.o
  "$clang" -O2 -g -target bpf -mcpu=v3 -D__TARGET_ARCH_"${arch%:*}" -ffile-prefix-map="$PWD"=. \
    -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Werror -c kafka.bpf.c -o "$out/$object"
  "$strip" -g "$out/$object"
  if [ "$mode" = build ]; then
    cp "$out/$object" "$object"
  elif ! cmp "$out/$object" "$object"; then
    bad=1
  fi
done
[ $bad = 0 ] || { echo "hint: xtask/bpf.sh build, then commit the objects (compiler here: $("$clang" --version | head -1))" >&2; exit 1; }
