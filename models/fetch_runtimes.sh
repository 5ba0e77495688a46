#!/usr/bin/env bash
# Fetches the libraries and C headers of ONNX Runtime and TensorFlow into a directory: exact versions, checked by SHA-256,
# from the registries that pip and apt are configured for. Only what the plug-ins need is unpacked. Does nothing when it is
# there.
#
#   DIRECTORY/onnxruntime/{include,lib}    20 MB
#   DIRECTORY/tensorflow/{include,lib}     450 MB
set -euo pipefail

onnxruntime_version=1.21.0
onnxruntime_sha256=8a5d09815a9e209fa0cb20c2985b34ab4daeba7aea94d0f96b8751eb10403201
onnxruntime_header_package=libonnxruntime-dev
onnxruntime_header_version=1.21.0+dfsg-1
onnxruntime_header_suite=trixie # Debian 12 has no package of it; only a header is taken from this one
onnxruntime_header_sha256=14f7d959d5deacbcf1504830d4189f91fc67382b399ed9ae9d3aa9c4050ced08
tensorflow_version=2.15.1
tensorflow_sha256=54660c074d7241a503e81edfd9f5ef5af88f64051b72e2945f26318c790f2d26
layout=1 # of the directory; raise it when other files are taken

if [[ $# -ne 2 || $1 == -h || $1 == --help ]]; then
  echo "usage: fetch_runtimes.sh none|onnx|tensorflow|all DIRECTORY"
  [[ ${1:-} == -h || ${1:-} == --help ]] || exit 2
  exit 0
fi
wanted=$1
directory=$2

say() { echo "fetch_runtimes.sh: $*" >&2; }
fail() {
  say "$*"
  exit 1
}

case $wanted in
  none | onnx | tensorflow | all) ;;
  *) fail "'$wanted' is none of none, onnx, tensorflow, all" ;;
esac
[[ $wanted != none ]] || exit 0
if [[ $(uname -m) != x86_64 ]]; then
  say "the runtimes are pinned for x86_64, this is $(uname -m): none is fetched"
  exit 0
fi

is_there() { [[ $(cat "$directory/$1/VERSION" 2>/dev/null) == "$2 layout $layout" ]]; }

# wheel NAME VERSION SHA256 PLATFORM: downloads the wheel into $scratch, whatever Python this machine has.
wheel() {
  printf '%s==%s --hash=sha256:%s\n' "$1" "$2" "$3" >"$scratch/requirements.txt"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
    --platform "$4" --python-version 3.11 --implementation cp --abi cp311 --dest "$scratch" \
    --requirement "$scratch/requirements.txt" </dev/null >&2 || fail "pip could not download $1 $2"
  echo "$3  $(echo "$scratch"/*.whl)" | sha256sum --check --quiet >&2 || fail "the wheel of $1 has another checksum"
}

# The header comes from a Debian package of a newer release. It is never installed; apt gets lists and a cache of its own.
onnxruntime_header() {
  local mirror keyring lists=$scratch/apt
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' 'Created-By: Packages' | head -n 1)
  [[ -n $mirror ]] || fail "apt-get has no package lists: run apt-get update"
  keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  mkdir -p "$lists/lists/partial" "$lists/cache/archives/partial"
  : >"$lists/status"
  echo "deb [signed-by=$keyring] $mirror $onnxruntime_header_suite main" >"$lists/sources.list"
  local -a own=(-o "Dir::Etc::SourceList=$lists/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o "Dir::State=$lists" -o "Dir::State::lists=$lists/lists" -o "Dir::State::status=$lists/status"
    -o "Dir::Cache=$lists/cache" -o APT::Sandbox::User=root -o Acquire::Languages=none)
  apt-get "${own[@]}" --quiet --quiet update </dev/null >&2 || fail "apt-get could not read the lists of $onnxruntime_header_suite"
  (cd "$scratch" && apt-get "${own[@]}" --quiet --quiet download \
    "$onnxruntime_header_package=$onnxruntime_header_version" </dev/null >&2) ||
    fail "apt-get could not download $onnxruntime_header_package $onnxruntime_header_version"
  echo "$onnxruntime_header_sha256  $(echo "$scratch/$onnxruntime_header_package"_*.deb)" | sha256sum --check --quiet >&2 ||
    fail "$onnxruntime_header_package has another checksum"
  mkdir -p "$scratch/header" "$scratch/new/include"
  dpkg-deb --fsys-tarfile "$scratch/$onnxruntime_header_package"_*.deb |
    tar -x -C "$scratch/header" --wildcards '*/onnxruntime_c_api.h'
  find "$scratch/header" -name onnxruntime_c_api.h -exec cp {} "$scratch/new/include/" \;
}

onnxruntime() {
  say "ONNX Runtime $onnxruntime_version (16 MB)"
  wheel onnxruntime "$onnxruntime_version" "$onnxruntime_sha256" manylinux_2_27_x86_64
  mkdir -p "$scratch/new/lib"
  unzip -q -j "$scratch"/*.whl "onnxruntime/capi/libonnxruntime.so.$onnxruntime_version" -d "$scratch/new/lib"
  onnxruntime_header
}

tensorflow() {
  say "TensorFlow $tensorflow_version (207 MB)"
  wheel tensorflow-cpu "$tensorflow_version" "$tensorflow_sha256" manylinux_2_17_x86_64
  mkdir -p "$scratch/new/lib" "$scratch/wheel"
  unzip -q -j "$scratch"/*.whl 'tensorflow/libtensorflow_*.so.2' -d "$scratch/new/lib"
  chmod u+w "$scratch"/new/lib/*
  strip --strip-unneeded "$scratch"/new/lib/*.so.2
  unzip -q "$scratch"/*.whl 'tensorflow/include/tensorflow/c/*.h' 'tensorflow/include/*ctstring*.h' \
    'tensorflow/include/*tsl/c/tsl_status.h' -d "$scratch/wheel"
  mv "$scratch/wheel/tensorflow/include" "$scratch/new/include"
}

# install NAME VERSION: runs the function NAME, then puts $scratch/new in place in one step.
install() {
  if is_there "$1" "$2"; then return 0; fi
  scratch=$(mktemp -d "$directory/.fetch.XXXXXX")
  trap 'rm -rf "$scratch"' EXIT
  mkdir "$scratch/new"
  "$1"
  [[ -n $(ls "$scratch/new/lib") && -n $(find "$scratch/new/include" -name '*c_api.h') ]] || fail "$1 was not unpacked as expected"
  echo "$2 layout $layout" >"$scratch/new/VERSION"
  rm -rf "${directory:?}/$1"
  mv "$scratch/new" "$directory/$1"
  rm -rf "$scratch"
}

mkdir -p "$directory"
directory=$(cd "$directory" && pwd) # apt wants absolute paths
exec 9>"$directory/.lock"
flock 9
case $wanted in onnx | all) install onnxruntime "$onnxruntime_version" ;; esac
case $wanted in tensorflow | all) install tensorflow "$tensorflow_version" ;; esac
