# What every command of ./dev uses: words on the terminal, waiting, ports, processes.

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
fail() {
    warn "dev: $*"
    exit 1
}

# Flags: `flag_value --port "${2:-}"` gives the value or says that it is missing.
flag_value() {
    [[ -n ${2:-} ]] || fail "$1 needs a value"
    printf '%s' "$2"
}
number() {
    [[ $2 =~ ^[0-9]{1,6}$ ]] && ((10#$2 >= $3 && 10#$2 <= $4)) ||
        fail "$1 takes a number from $3 to $4, not '$2'"
    printf '%d' "$((10#$2))"
}
one_of() {
    local name=$1 value=$2 choice
    shift 2
    for choice in "$@"; do
        [[ $value == "$choice" ]] && printf '%s' "$value" && return
    done
    fail "$name takes one of: $*; not '$value'"
}

now_ms() {
    local now=${EPOCHREALTIME/[.,]/}
    printf '%d' "$((now / 1000))"
}

# `wait_for SECONDS command…`: until the command succeeds.
wait_for() {
    local until=$(($(now_ms) + $1 * 1000))
    shift
    until "$@" 2>/dev/null; do
        (($(now_ms) < until)) || return 1
        sleep 0.03
    done
}

# The answer to GET http://127.0.0.1:PORT/PATH begins with 200. In a subshell: where
# children die, a `read` with a time limit can take the whole shell down (bash 5.2).
http_ok() (
    exec {http}<>"/dev/tcp/127.0.0.1/$1" || exit 1
    printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' "$2" >&"$http"
    read -rt 1 answer <&"$http" || true
    [[ ${answer:-} == "HTTP/"*" 200"* ]]
)

# The same by TLS, with whatever certificate.
https_ok() {
    local answer
    answer=$(printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' "$2" |
        timeout 2 openssl s_client -quiet -connect "127.0.0.1:$1" 2>/dev/null) || true
    [[ $answer == "HTTP/"*" 200"* ]]
}

# Ports with a listener, in hexadecimal, as the kernel writes them.
listening() { awk '$4 == "0A" { sub(".*:", "", $2); print $2 }' /proc/net/tcp /proc/net/tcp6; }
port_taken() { listening | grep -qx "$(printf '%04X' "$1")"; }

# A run of free ports below those that outgoing connections take.
free_ports() {
    local count=$1 base port taken
    taken=" $(listening | tr '\n' ' ')"
    while true; do
        base=$((10000 + (RANDOM * 32768 + RANDOM) % (22000 - count)))
        for ((port = base; port < base + count; port++)); do
            [[ $taken == *" $(printf '%04X' $port) "* ]] && continue 2
        done
        printf '%d' $base
        return
    done
}

# A process is known by its id and the moment it started: ids are used again.
started_at() {
    local stat fields
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    read -ra fields <<<"${stat##*) }"
    [[ ${fields[0]} != Z ]] && printf '%s' "${fields[19]}"
}
same_process() { [[ -n $2 && $(started_at "$1") == "$2" ]]; }

# As the user that PostgreSQL may run as: it refuses root.
as_postgres() {
    if ((EUID == 0)); then
        setpriv --reuid postgres --regid postgres --init-groups -- "$@"
    else
        "$@"
    fi
}

# The variables of the running system, for commands that talk to it.
load_env() {
    [[ -e $RUN/env ]] || fail "nothing is running here: ./dev up --detach"
    set -a
    # shellcheck source=/dev/null
    source "$RUN/env"
    set +a
    BUILD_DIR=$BELFRY_BUILD_DIR # of the programs that run, whatever preset is asked for
}
