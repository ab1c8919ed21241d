#!/usr/bin/env bash
# Build the images by the very Dockerfiles where no registry is reached: the base images that they name are made here, of Debian's packages and this
# machine's tools. About a quarter of an hour, most of it the core; needs root, buildah and debootstrap.
#
#   tests/kubernetes/images/dockerfiles.sh OUTDIR      kafkascope.tar and kafkascope-demo-kafka.tar, as build.py makes them without a builder
set -euo pipefail
cd "$(dirname "$0")/../../.."
out=$(realpath -m "$1"); version=$(sed -n 's/^appVersion: "\?\([^"]*\)"\?/\1/p' deploy/helm/kafkascope/Chart.yaml)
[ "$(id -u)" = 0 ] || { echo "root is needed: a root file system is made" >&2; exit 1; }
for tool in buildah debootstrap node cargo python3; do
  command -v $tool >/dev/null || { echo "missing: $tool" >&2; exit 1; }
done
mkdir -p "$out"
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=overlay
hub=docker.io/library

base() { # base NAME PACKAGES... : Debian with packages
  local image=$1 made; shift
  [ -d "$out/debian/usr" ] || debootstrap --variant=minbase --include=ca-certificates bookworm "$out/debian" http://deb.debian.org/debian >"$out/debian.log"
  made=$(buildah from scratch)
  buildah add -q "$made" "$out/debian" / >/dev/null
  buildah add -q "$made" /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt >/dev/null
  buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$made"
  # Whom this machine trusts, the image trusts: a proxy's authority, for instance.
  local trusted=/etc/ssl/certs/ca-certificates.crt name
  for name in NODE_EXTRA_CA_CERTS SSL_CERT_FILE PIP_CERT CARGO_HTTP_CAINFO; do buildah config --env "$name=$trusted" "$made"; done
  if [ $# -gt 0 ]; then
    buildah run --network host "$made" -- sh -c "apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $* && rm -rf /var/lib/apt/lists/*" >"$out/$image.log" 2>&1
  fi
  echo "$made"
}
done_as() { buildah commit -q "$1" "$hub/$2" >/dev/null; buildah rm "$1" >/dev/null; echo "base $2" >&2; }
there() { buildah inspect --type image "$hub/$1" >/dev/null 2>&1; }

if ! there python:3.11-slim-bookworm; then
  c=$(base python libssl3 libffi8 libbz2-1.0 liblzma5 libsqlite3-0 libreadline8 libncursesw6 zlib1g libuuid1)
  # The interpreter and its library, as that image has them: nothing that was installed on this machine beside.
  prefix=$(python3.11 -c 'import sys; print(sys.base_prefix)')
  mkdir -p "$out/python"
  tar -C "$prefix" --exclude='*/site-packages/*' --exclude='*/test' --exclude='*/config-3.11-*' --exclude=__pycache__ -cf - bin/python3.11 lib/python3.11 $(cd "$prefix" && ls -d lib/libpython3*) | tar -C "$out/python" -xf -
  buildah add -q "$c" "$out/python" /usr/local >/dev/null
  buildah run "$c" -- sh -c 'ldconfig; ln -s python3.11 /usr/local/bin/python3; python3 -m ensurepip && ln -s pip3.11 /usr/local/bin/pip' >"$out/python.log"
  done_as "$c" python:3.11-slim-bookworm
fi
if ! there node:24-bookworm-slim; then
  c=$(base node)
  buildah add -q "$c" "$(realpath "$(command -v node)")" /usr/local/bin/node >/dev/null
  buildah add -q "$c" "$(dirname "$(dirname "$(realpath "$(command -v npm)")")")" /usr/local/lib/npm >/dev/null
  buildah run "$c" -- sh -c 'ln -s ../lib/npm/bin/npm-cli.js /usr/local/bin/npm; ln -s ../lib/npm/bin/npx-cli.js /usr/local/bin/npx'
  done_as "$c" node:24-bookworm-slim
fi
if ! there rust:1.95-bookworm; then
  c=$(base rust gcc libc6-dev)
  buildah add -q "$c" "$(rustc --print sysroot)" /usr/local >/dev/null
  done_as "$c" rust:1.95-bookworm
fi
if ! there maven:3-eclipse-temurin-17; then
  c=$(base maven maven openjdk-17-jdk-headless)
  [ ! -f /etc/ssl/certs/java/cacerts ] || buildah add -q "$c" /etc/ssl/certs/java/cacerts /etc/ssl/certs/java/cacerts >/dev/null
  done_as "$c" maven:3-eclipse-temurin-17
fi

build() { # build NAME MORE...
  local name=$1; shift
  buildah build -q --layers --pull=never --network host "$@" -f "deploy/images/$name/Dockerfile" -t "localhost/kafkascope/$name:$version" . >"$out/$name.log" 2>&1 || { tail -20 "$out/$name.log" >&2; exit 1; }
  rm -f "$out/$name.tar"
  buildah push -q "localhost/kafkascope/$name:$version" "docker-archive:$out/$name.tar:localhost/kafkascope/$name:$version"
  echo "localhost/kafkascope/$name:$version $(($(stat -c %s "$out/$name.tar") >> 20)) MiB"
}
proved() { # proved NAME: that who runs in it is not root, and that its parts are there
  local image="localhost/kafkascope/$1:$version" user made
  user=$(buildah inspect --type image --format '{{.OCIv1.Config.User}}' "$image")
  [ "$user" = 65532:65532 ] || { echo "$image runs as '$user', not as 65532:65532" >&2; exit 1; }
  made=$(buildah from -q --pull=never "$image")
  buildah run "$made" -- python3 -c '
import os, kafkascope, kafkascope._core as core, kafkascope.server.main, kafkascope.agent.main
from pathlib import Path
assert os.getuid() == 65532, os.getuid()
assert (Path(kafkascope.__file__).parent / "server" / "static" / "index.html").exists(), "the page is missing"
if java := os.environ.get("DEMO_JAVA"):
    assert os.access(java, os.X_OK) and list(Path(os.environ["DEMO_JARS"]).glob("kafka_*.jar")), "the broker is missing"
print(core.build_info())'
  buildah run "$made" -- px --version
  buildah rm "$made" >/dev/null
}
build kafkascope; proved kafkascope
build kafkascope-demo-kafka --build-arg "KAFKASCOPE=localhost/kafkascope/kafkascope:$version"; proved kafkascope-demo-kafka
