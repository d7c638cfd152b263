#!/bin/sh
# Changes one thing of a contract that clients were made for, and holds what belfry-gen
# says of it against what was reviewed.
#
#     compat.sh GEN PROTO_DIR base.deployed         its promises, byte for byte
#     compat.sh GEN PROTO_DIR broken/NAME.sed       refused, with the lines of NAME.expected
#     compat.sh GEN PROTO_DIR allowed/NAME.sed      let through; NAME.expected has its notes
#
# GOLDEN_UPDATE=1 writes the expected files instead; then read the difference in git.
set -eu
gen=$1 protos=$2 case=$3
cd "$(dirname "$0")/compat"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

cp base.proto "$out/base.proto"
case $case in
*.sed)
    sed -E -f "$case" base.proto >"$out/base.proto"
    ! cmp -s base.proto "$out/base.proto" || { echo "$case changes nothing" >&2 && exit 1; }
    ;;
esac
(cd "$out" && protoc -I. -I"$protos" -I/usr/include --include_imports --include_source_info \
    --descriptor_set_out=set.ds base.proto)

# actual file, expected file
hold() {
    if [ "${GOLDEN_UPDATE:-}" = 1 ]; then
        if [ -s "$1" ]; then cp "$1" "$2"; else rm -f "$2"; fi
    fi
    expected=$2
    [ -e "$expected" ] || expected=/dev/null
    diff -u "$expected" "$1"
}

if [ "$case" = base.deployed ]; then
    "$gen" --promises "$out" "$out/set.ds"
    hold "$out/deployed.txt" base.deployed
    exit
fi
status=0
"$gen" --compatible base.deployed "$out/set.ds" >"$out/said" 2>"$out/errors" || status=$?
wanted=0
[ "${case%/*}" = allowed ] || wanted=1
if [ "$status" != "$wanted" ] || [ -s "$out/errors" ]; then
    echo "status $status, not $wanted" >&2
    cat "$out/said" "$out/errors" >&2
    exit 1
fi
hold "$out/said" "${case%.sed}.expected"
