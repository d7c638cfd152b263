#!/bin/sh
# Holds what belfry-gen prints against what was reviewed.
#
#     golden.sh GEN PROTO_DIR refused/NAME.proto   refused, with the words of NAME.expected
#     golden.sh GEN PROTO_DIR core/NAME.proto      NAME.gen.h, NAME.gen.c, NAME.gen.ts,
#                                                  NAME.asyncapi.json and NAME.planned, byte for byte
#
# GOLDEN_UPDATE=1 writes the expected files instead; then read the difference in git.
set -eu
gen=$1 protos=$2 fixture=$3
cd "$(dirname "$0")"
here=$PWD
kind=$(dirname "$fixture") name=$(basename "$fixture" .proto)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

cd "$kind"
# what protoc refuses by itself counts, too, such as an action that there is not
status=0
protoc -I. -I"$protos" -I/usr/include --include_imports --include_source_info \
    --descriptor_set_out="$out/set.ds" "$name.proto" 2>"$out/errors" || status=$?
if [ "$status" = 0 ]; then
    "$gen" --core "$out" "$out/set.ds" >"$out/said" 2>"$out/errors" || status=$?
fi

# actual file, expected file
hold() {
    if [ "${GOLDEN_UPDATE:-}" = 1 ]; then
        cp "$1" "$2"
    fi
    diff -u "$2" "$1"
}

case $kind in
refused)
    if [ "$status" != 1 ] || [ -e "$out/events.gen.c" ]; then
        echo "not refused as it should be (status $status)" >&2
        cat "$out/errors" >&2
        exit 1
    fi
    hold "$out/errors" "$here/$kind/$name.expected"
    ;;
core)
    cat "$out/errors" >&2
    [ "$status" = 0 ]
    hold "$out/events.gen.h" "$here/$kind/$name.gen.h"
    hold "$out/events.gen.c" "$here/$kind/$name.gen.c"
    "$gen" --asyncapi "$out" "$out/set.ds"
    hold "$out/asyncapi.json" "$here/$kind/$name.asyncapi.json"
    "$gen" --docs "$out" "$out/set.ds"
    hold "$out/$name.md" "$here/$kind/$name.page"
    "$gen" --planned "$out/set.ds" >"$out/planned"
    hold "$out/planned" "$here/$kind/$name.planned"
    tail -n 1 "$out/planned" | diff -u - "$out/said"
    mkdir "$out/ts"
    "$gen" --typescript "$out/ts" "$out/set.ds"
    (cd "$out/ts" && tail -n +1 -- *.ts) >"$out/events.gen.ts"
    hold "$out/events.gen.ts" "$here/$kind/$name.gen.ts"
    ;;
esac
