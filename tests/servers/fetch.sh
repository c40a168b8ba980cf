#!/usr/bin/env bash
# Brings the stock servers that the tests run on, from Debian's newest packages:
#
#   tests/servers/fetch.sh FOLDER             FOLDER/bin/llama-server   (package llama.cpp-tools)
#   tests/servers/fetch.sh FOLDER lemonade    FOLDER/bin/lemond besides (package lemonade-server)
#
# Nothing is installed on the system: the packages are unpacked below FOLDER with all libraries they need, and the
# programs are told where those are. `FOLDER/env` sets what they need in the environment. What is there is kept; remove
# the folder to get newer ones. Needs apt with a Debian source (an amd64 machine), and patchelf, which is installed
# if it is missing.
set -euo pipefail

[ $# -ge 1 ] || { sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2; }
folder=$(mkdir -p "$1" && cd "$1" && pwd)
packages=(llama.cpp-tools)
programs=(llama-server)
if [ "${2:-}" = lemonade ]; then
  packages+=(lemonade-server)
  programs+=(lemond)
fi
missing=0
for program in "${programs[@]}"; do [ -x "$folder/bin/$program" ] || missing=1; done
[ $missing = 1 ] || exit 0

command -v apt-get >/dev/null || { echo "tests/servers/fetch.sh: apt-get is missing; this needs Debian or Ubuntu" >&2; exit 1; }
command -v patchelf >/dev/null || {
  apt-get update -q >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -q -y patchelf >/dev/null
}
mirror=$(grep -hoE '(URIs: *|^deb (\[[^]]*\] )?)[a-z]+://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null \
  | grep -oE '[a-z]+://[^ ]+' | sed -n 1p || true)
[ -n "$mirror" ] || { echo "tests/servers/fetch.sh: no Debian source in apt's lists" >&2; exit 1; }

# An apt of its own: its lists, its state and its downloads are below the folder.
apt=$folder/apt
mkdir -p "$apt"/{lists/partial,archives/partial,etc}
: >"$apt/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" >"$apt/etc/sources.list"
options=(-qq
  -o Dir::Etc::sourcelist="$apt/etc/sources.list" -o Dir::Etc::sourceparts=/dev/null
  -o Dir::State::lists="$apt/lists" -o Dir::State::status="$apt/status"
  -o Dir::Cache::archives="$apt/archives" -o Dir::Cache::pkgcache=
  -o APT::Install-Recommends=false -o APT::Sandbox::User=root -o APT::Architecture=amd64)
echo "fetching ${packages[*]} and what they need (about 60 MB) into $folder" >&2
# A keyring that is older than the archive's newest key cannot check its signature.
apt-get "${options[@]}" update || apt-get "${options[@]}" -o Acquire::AllowInsecureRepositories=true update
apt-get "${options[@]}" -y --download-only -o Debug::NoLocking=1 --allow-unauthenticated install "${packages[@]}" 2>/dev/null

root=$folder/root
mkdir -p "$root" "$folder/bin"
for package in "$apt"/archives/{lib,openssl,zlib,gcc-,llama,lemonade,ca-cert}*.deb; do
  [ ! -e "$package" ] || dpkg -x "$package" "$root"
done
libraries=$root/usr/lib/x86_64-linux-gnu
loader=$(find "$libraries" "$root/usr/lib64" "$root/lib64" -name 'ld-linux-x86-64.so.2' 2>/dev/null | sed -n 1p || true)
paths=$libraries:$libraries/ggml:$libraries/llama:$(find "$libraries" -name 'lib*.so*' -printf '%h\n' | sort -u | paste -sd:)
# A path inside a library would hide the program's.
find "$libraries" -name 'lib*.so*' -type f -exec patchelf --remove-rpath {} \; 2>/dev/null || true
for program in llama-server lemond; do
  source=$(find "$root/usr/bin" "$root/usr/sbin" -name "$program" -type f 2>/dev/null | sed -n 1p || true)
  [ -n "$source" ] || continue
  cp "$source" "$folder/bin/$program.new"
  patchelf --set-interpreter "$loader" --force-rpath --set-rpath "$paths" "$folder/bin/$program.new"
  mv "$folder/bin/$program.new" "$folder/bin/$program"
done
[ ! -d "$root/usr/share/lemonade-server/resources" ] || ln -sfn "$root/usr/share/lemonade-server/resources" "$folder/bin/resources"
# The libraries of ggml look for the processor's code beside the program, where it is not.
processor=$(find "$root" -name 'libggml-cpu-haswell.so' | sed -n 1p || true)
[ -z "$processor" ] || echo "export GGML_BACKEND_PATH=$processor" >"$folder/env"
echo "$folder/bin: $("$folder/bin/llama-server" --version 2>&1 | sed -n 1p)" >&2
