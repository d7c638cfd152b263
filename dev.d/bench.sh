# ./dev bench: measures the release build; tests/bench does the work and knows the flags.

command_bench() {
    if [[ ${1:-} == instructions ]]; then
        count_instructions "${@:2}"
        exit
    fi
    need_node
    (cd "$ROOT/tests/integration" && install_node_modules) || exit
    if [[ " $* " != *" --help "* && " $* " != *" -h "* ]]; then
        need_packages "${BUILD_PACKAGES[@]}" "${RUN_PACKAGES[@]}" postgresql-client openssl
        use_preset release
        build all
    fi
    BELFRY_PRESET=release exec node "$ROOT/tests/bench/run.mjs" "$@"
}

# The hot paths by callgrind; --record keeps the figures. Also the suite `instructions`.
count_instructions() {
    need_packages "${BUILD_PACKAGES[@]}" valgrind
    use_preset release
    build instructions-fanout instructions-dispatch instructions-socketio
    "$ROOT/tests/bench/instructions/count.sh" "$BUILD_DIR" "$@"
}
