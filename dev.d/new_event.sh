# ./dev new-event: adds an event to the contract, with all that an event has.
# shellcheck source=gen.sh
source "$ROOT/dev.d/gen.sh"

command_new_event() {
    need_node
    case " $* " in
        *" --help "* | *" -h "* | "  ") node "$ROOT/dev.d/new_event/main.mjs" "$ROOT" "" --help && exit 0 ;;
    esac
    need_packages "${BUILD_PACKAGES[@]}"
    build belfry-gen
    local files
    files=$(node "$ROOT/dev.d/new_event/main.mjs" "$ROOT" "$(program belfry-gen)" "$@") || exit
    mapfile -t files <<<"$files"
    format_added
    command_gen
    printf '%s\n' "${files[@]}" "What is left to write refuses, by name: ./dev test events"
}

# Our C, in our form, where the formatter is at hand.
format_added() {
    local path
    command -v clang-format >/dev/null || return 0
    for path in "${files[@]}"; do
        [[ $path != *.c ]] || clang-format -i "$ROOT/$path"
    done
}
