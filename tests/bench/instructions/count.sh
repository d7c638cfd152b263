#!/usr/bin/env bash
# Counts the instructions of each hot path and compares them with what was recorded: more
# than 5 % on top of it is a failure. Instructions, unlike time, are the same in every run,
# on a busy machine too; compilers and libraries make others, so a record is of one of them.
#
#   count.sh BUILD_DIR [--record]
set -euo pipefail

BUILD_DIR=$1
RECORDED=$(dirname "${BASH_SOURCE[0]}")/recorded.txt
CALLS=10 # MEASURED_CALLS
PATHS=(fanout dispatch socketio)
PERCENT=5

# What the figures hang on besides our code.
surroundings() {
    local compiler library version
    compiler=$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' "$BUILD_DIR/CMakeCache.txt")
    printf 'machine %s\n' "$(uname -m)"
    printf 'compiler %s\n' "$("$compiler" --version | sed -n '1s/ (.*)//p')"
    for library in libc6 libssl3 libjansson4 libprotobuf-c1; do
        version=$(dpkg-query -W -f '${Version}' $library 2>/dev/null || echo unknown)
        # repairs do not count
        printf '%s %s\n' $library "$(grep -oE '^[0-9]+\.[0-9]+' <<<"$version" || echo "$version")"
    done
}

count() {
    local out
    out=$(valgrind --tool=callgrind --collect-atstart=no --toggle-collect=measured \
        --callgrind-out-file=/dev/null "$BUILD_DIR/tests/bench/instructions-$1" 2>&1) || {
        printf '%s\n' "$out" >&2
        return 1
    }
    awk -v calls=$CALLS '/Collected : [0-9]+$/ && $NF > 0 { printf "%.0f", $NF / calls; found = 1 }
        END { exit !found }' <<<"$out"
}

record() {
    local path
    {
        echo "# Instructions of one call of each hot path (README.md); ./dev bench instructions --record writes this."
        surroundings
        for path in "${PATHS[@]}"; do printf '%s %s\n' "$path" "$(count "$path")"; done
    } >"$RECORDED.new"
    mv "$RECORDED.new" "$RECORDED"
    cat "$RECORDED"
}

compare() {
    local path was is failed=0
    if ! diff <(grep -vE "^(#|$(IFS='|' && echo "${PATHS[*]}") )" "$RECORDED") <(surroundings); then
        echo "SKIPPED: instructions were recorded with what is marked <, here is >: ./dev bench instructions --record before a change, then compare"
        return
    fi
    for path in "${PATHS[@]}"; do
        was=$(awk -v path="$path" '$1 == path { print $2 }' "$RECORDED")
        is=$(count "$path")
        awk -v path="$path" -v was="${was:-0}" -v is="$is" -v percent=$PERCENT 'BEGIN {
            printf "%-9s %8d instructions, %8d recorded: %+.1f %%\n", path, is, was, was ? (is / was - 1) * 100 : 100
            if (is < was * (1 - percent / 100)) print "          fewer: ./dev bench instructions --record keeps it so"
            exit is > was * (1 + percent / 100)
        }' || failed=$((failed + 1))
    done
    ((failed == 0)) || echo "FAILED: more than $PERCENT % on top of what was recorded; if it has to be, ./dev bench instructions --record"
    printf '%d passed, %d failed\n' $((${#PATHS[@]} - failed)) $failed
    ((failed == 0))
}

case ${2:-} in
    --record) record ;;
    "") compare ;;
    *) echo "count.sh BUILD_DIR [--record]" >&2 && exit 2 ;;
esac
