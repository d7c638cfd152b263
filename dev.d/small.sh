# The short commands of ./dev that talk to a running system, and the one that formats.

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
