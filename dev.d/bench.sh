# ./dev bench: measures the release build; tests/bench does the work and knows the flags.

command_bench() {
    need_node
    (cd "$ROOT/tests/integration" && install_node_modules) || exit
    if [[ " $* " != *" --help "* && " $* " != *" -h "* ]]; then
        need_packages "${BUILD_PACKAGES[@]}" "${RUN_PACKAGES[@]}" postgresql-client
        use_preset release
        build all
    fi
    BELFRY_PRESET=release exec node "$ROOT/tests/bench/run.mjs" "$@"
}
