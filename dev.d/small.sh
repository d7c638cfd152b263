# The short commands of ./dev that talk to a running system, and the two that touch sources.

command_token() {
    case ${1:---help} in
        -h | --help)
            say "./dev token USER [flags]: prints a token; flags are those of 'belfry token'"
            exit 0
            ;;
    esac
    load_env
    need_programs belfry
    "$(program belfry)" token "$@"
}

command_psql() {
    case ${1:-} in
        -h | --help) say "./dev psql [psql's flags]: the running system's database" && exit 0 ;;
    esac
    load_env
    exec psql -X "$DATABASE_URL" "$@"
}

command_seed() {
    local users="" rooms=""
    while (($#)); do
        case $1 in
            --users) users=$(number "$1" "${2:-}" 1 999999) && shift ;;
            --rooms) rooms=$(number "$1" "${2:-}" 1 999999) && shift ;;
            -h | --help)
                say "./dev seed --users U --rooms R: fills the running system for load tests;"
                say "user i is 00000000-0000-4000-8000-<i>, room r 00000000-0000-4000-9000-<r> (12 hex digits)"
                exit 0
                ;;
            *) fail "seed does not know '$1'; see ./dev seed --help" ;;
        esac
        shift
    done
    [[ $users && $rooms ]] || fail "seed needs --users and --rooms"
    load_env
    psql -qX -v ON_ERROR_STOP=1 "$DATABASE_URL" -o /dev/null -c "SELECT seed($users, $rooms)"
    say "$users users in $rooms rooms"
}

command_gen() {
    local check=""
    case ${1:-} in
        --check) check=yes ;;
        -h | --help)
            say "./dev gen: makes again what is generated from proto/events and kept in the tree"
            say "./dev gen --check: fails when something kept in the tree is not what would be made"
            exit 0
            ;;
        ?*) fail "gen does not know '$1'; see ./dev gen --help" ;;
    esac
    need_packages "${BUILD_PACKAGES[@]}"
    build events_gen belfry-gen
    local place=$ROOT
    say "$("$(program belfry-gen)" --planned "$BUILD_DIR/proto/events.ds" | tail -n 1)"
    [[ ! $check ]] || place=$(mktemp -d)
    generate "$place"
    [[ $check ]] || return 0
    local status=0
    compare_generated "$place" || status=1
    rm -rf "$place"
    return $status
}

# What is kept in the tree: the generator's flag, and the folder that it fills.
GENERATED=(--docs docs/events --asyncapi docs --typescript clients/typescript/src/generated)

generated() {
    local i
    for ((i = 0; i < ${#GENERATED[@]}; i += 2)); do
        "$@" "${GENERATED[i]}" "${GENERATED[i + 1]}" || return
    done
}
generate() { generated generate_one "$1"; }
generate_one() {
    mkdir -p "$1/$3" && "$(program belfry-gen)" "$2" "$1/$3" "$BUILD_DIR/proto/events.ds"
}
compare_generated() { generated compare_one "$1"; }
compare_one() {
    local file status=0
    while IFS= read -r -d '' file; do
        cmp -s "$file" "$ROOT/${file#"$1"/}" && continue
        warn "${file#"$1"/} is not what would be generated; ./dev gen makes it so"
        status=1
    done < <(find "$1/$3" -type f -print0)
    return $status
}

command_fmt() {
    local check=()
    case ${1:-} in
        --check) check=(--dry-run --Werror) ;;
        -h | --help)
            say "./dev fmt: formats the C sources; ./dev fmt --check: says which are not formatted"
            exit 0
            ;;
        ?*) fail "fmt does not know '$1'; see ./dev fmt --help" ;;
    esac
    need_packages clang-format
    cd "$ROOT" || exit
    find lib edge core cli proto tests -not -path 'tests/golden/*' \( -name '*.c' -o -name '*.h' \) -print0 |
        xargs -0 clang-format "${check[@]:--i}"
}
