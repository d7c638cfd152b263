# ./dev gen: what is made of the contract and kept in the tree, and the promises that were
# made to deployed clients.

# The generator's flag, the folder that it fills, and whether nothing else is in there.
GENERATED=(
    --docs docs/events whole
    --asyncapi docs part
    --typescript clients/typescript/src/generated whole
)
DEPLOYED=deployed.txt # in proto/
BREAKS=docs/contract-breaks.md

gen_usage() {
    cat <<'END'
./dev gen: makes again what is generated from proto/events and kept in the tree, and adds
what is new to proto/deployed.txt: the promises that deployed clients rely on

  --check    changes nothing; fails when something kept in the tree is not what would be
             made, is missing or left over, or when a promise is broken
  --accept-break "ADDRESS: REASON"
             breaks a promise on purpose, once for each address that is broken: the reason
             goes into docs/contract-breaks.md
END
}

command_gen() {
    local check="" place status=0
    declare -gA ACCEPTED=()
    while (($#)); do
        case $1 in
            --check) check=yes ;;
            --accept-break) accept_break "${2:-}" && shift ;;
            -h | --help) gen_usage && exit 0 ;;
            *) fail "gen does not know '$1'; see ./dev gen --help" ;;
        esac
        shift
    done
    [[ ! $check || ${#ACCEPTED[@]} == 0 ]] || fail "gen --check accepts nothing"
    need_packages "${BUILD_PACKAGES[@]}"
    build events_gen belfry-gen
    say "$(generator --planned | tail -n 1)"
    place=$(mktemp -d)
    # shellcheck disable=SC2064 # $place is gone when the trap runs
    trap "rm -rf '$place'" EXIT
    generated generate_one "$place"
    generator --promises "$place"
    if [[ $check ]]; then
        generated compare_one "$place" || status=1
        if ! promises_hold; then
            status=1
        elif ! cmp -s "$place/$DEPLOYED" "$ROOT/proto/$DEPLOYED"; then
            differs "proto/$DEPLOYED" || status=1
        fi
    else
        generated install_one "$place"
        if promises_hold; then cp "$place/$DEPLOYED" "$ROOT/proto/$DEPLOYED"; else status=1; fi
    fi
    return $status
}

# `generator FLAG [FOLDER]`
generator() { "$(program belfry-gen)" "$@" "$BUILD_DIR/proto/events.ds"; }

# --- files

# Calls `$1 $2 FLAG FOLDER whole|part` for each output.
generated() {
    local i status=0
    for ((i = 0; i < ${#GENERATED[@]}; i += 3)); do
        "$@" "${GENERATED[@]:i:3}" || status=1
    done
    return $status
}

# Each into a place of its own, so that two outputs may fill one folder.
generate_one() { mkdir -p "$1/$2/$3" && generator "$2" "$1/$2/$3"; }

# The files of one output, from the root of the tree.
files_of() { (cd "$1/$2" && find "$3" -type f | sort); }

# Files that are in a folder of the generator's own and that it does not make.
left_over() {
    [[ $4 == whole && -d $ROOT/$3 ]] || return 0
    comm -13 <(files_of "$@") <(cd "$ROOT" && find "$3" -type f | sort)
}

differs() {
    warn "$1 is $([[ -e $ROOT/$1 ]] && echo "not what would be generated" || echo missing); ./dev gen makes it so"
    return 1
}

compare_one() {
    local file status=0
    while IFS= read -r file; do
        cmp -s "$1/$2/$file" "$ROOT/$file" || differs "$file" || status=1
    done < <(files_of "$@")
    while IFS= read -r file; do
        warn "$file is left over: the generator does not make it; ./dev gen removes it"
        status=1
    done < <(left_over "$@")
    return $status
}

# A file that is right already keeps its time.
install_one() {
    local file
    while IFS= read -r file; do
        cmp -s "$1/$2/$file" "$ROOT/$file" && continue
        mkdir -p "$(dirname "$ROOT/$file")" && cp "$1/$2/$file" "$ROOT/$file"
    done < <(files_of "$@")
    while IFS= read -r file; do
        rm "$ROOT/$file" && say "removed $file: the generator does not make it"
    done < <(left_over "$@")
}

# --- promises

accept_break() {
    [[ $1 =~ ^([A-Za-z0-9_.]+):\ +(.*[^ ]) ]] || fail "--accept-break needs \"ADDRESS: REASON\", such as \"SEND_MESSAGE.payload.content: …\""
    ACCEPTED[${BASH_REMATCH[1]}]=${BASH_REMATCH[2]}
}

# Says what breaks a promise. Fails unless all of it is accepted; then it is recorded.
promises_hold() {
    local said status=0 line address records=() used=()
    [[ -e $ROOT/proto/$DEPLOYED ]] || return 0
    said=$(cd "$ROOT/proto" && generator --compatible "$DEPLOYED") || status=$?
    ((status < 2)) || return 1
    status=0
    while IFS= read -r line; do
        # FILE:LINE: [note: ]ADDRESS: what became of it
        [[ $line =~ ^[^:]+:[0-9]+:\ (note:\ )?([^:]+):\ (.*)$ ]] || continue
        address=${BASH_REMATCH[2]}
        if [[ ! ${BASH_REMATCH[1]} && ${ACCEPTED[$address]:-} ]]; then
            used+=("$address")
            records+=("- $(date +%F): \`$address\` ${BASH_REMATCH[3]}. Reason: ${ACCEPTED[$address]}")
            continue
        fi
        warn "proto/$line"
        [[ ${BASH_REMATCH[1]} ]] || status=1
    done <<<"$said"
    if ((status)); then
        warn "deployed clients would break. If it is meant: ./dev gen --accept-break \"ADDRESS: REASON\""
        return 1
    fi
    for address in "${!ACCEPTED[@]}"; do
        [[ " ${used[*]} " == *" $address "* ]] || fail "nothing of '$address' is broken"
    done
    ((${#records[@]} == 0)) || printf '%s\n' "${records[@]}" >>"$ROOT/$BREAKS"
}
