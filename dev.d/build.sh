# Building with CMake's presets.

BUILD_DIR=${BELFRY_BUILD_DIR:-$ROOT/build/$PRESET}

use_preset() {
    PRESET=$1
    BUILD_DIR=${BELFRY_BUILD_DIR:-$ROOT/build/$PRESET}
}

# `build TARGET…`: configures when needed; quiet unless it fails.
build() {
    local log=$RUN/log/build-$PRESET.log target targets=()
    mkdir -p "$RUN/log"
    for target in "$@"; do targets+=(--target "$target"); done
    if [[ ! -e $BUILD_DIR/build.ninja ]]; then
        say "building ($PRESET) …"
        (cd "$ROOT" && cmake --preset "$PRESET" -B "$BUILD_DIR") >"$log" 2>&1 || build_failed "$log"
    fi
    cmake --build "$BUILD_DIR" "${targets[@]}" >"$log" 2>&1 || build_failed "$log"
}

build_failed() {
    grep -E -A 12 'error|Error|FAILED|undefined reference' "$1" | head -60 >&2 || tail -40 "$1" >&2
    fail "the build failed; all of it: $1"
}

# Executables, wherever they were built.
program() {
    case $1 in
        belfry-edge) printf '%s' "$BUILD_DIR/edge/belfry-edge" ;;
        belfry-core) printf '%s' "$BUILD_DIR/core/belfry-core" ;;
        belfry) printf '%s' "$BUILD_DIR/cli/belfry" ;;
        belfry-gen) printf '%s' "$BUILD_DIR/proto/belfry-gen" ;;
    esac
}
need_programs() {
    local name
    for name in "$@"; do
        [[ -x $(program "$name") ]] || fail "there is no build in $BUILD_DIR ($name is missing)"
    done
}
