# ./dev up, ./dev down: one whole system on this machine.
# shellcheck source=supervise.sh
source "$ROOT/dev.d/supervise.sh"

up_usage() {
    cat <<'END'
./dev up: builds and starts PostgreSQL, cores, edges and what is between them

  --edges N             number of edges (1); with several, a balancer has the port, and
                        edge i is also at PORT+i
  --cores N             number of cores (1)
  --bus nng|nats|redis  what carries events from cores to edges (nng: nothing to install)
  --port PORT           where clients connect (8080)
  --host ADDRESS        which address it listens on (127.0.0.1)
  --release             the release build
  --limits MODE         enforce|dry-run|off; counted but not enforced by default (dry-run)
  --heal                start again what dies
  --detach              return when it is ready; ./dev down stops it
  --no-build            what is built already

With BELFRY_TLS_CERT and BELFRY_TLS_KEY the edge ends TLS itself; only with one edge.

Ctrl-C stops everything. Data and logs stay in .run; .run/env has the addresses, the
secrets and the process ids while it runs.
END
}

# What was asked for; also the flags that `supervise` is started with again.
EDGES=1 CORES=1 BUS=nng PORT=8080 HOST=127.0.0.1 LIMITS=dry-run HEAL="" DETACH="" BUILD=yes

up_flags() {
    while (($#)); do
        case $1 in
            --edges) EDGES=$(number "$1" "${2:-}" 1 50) && shift ;;
            --cores) CORES=$(number "$1" "${2:-}" 1 50) && shift ;;
            --bus) BUS=$(one_of "$1" "${2:-}" nng nats redis) && shift ;;
            --port) PORT=$(number "$1" "${2:-}" 1 65000) && shift ;;
            --host) HOST=$(flag_value "$1" "${2:-}") && shift ;;
            --limits) LIMITS=$(one_of "$1" "${2:-}" enforce dry-run off) && shift ;;
            --release) use_preset release ;;
            --heal) HEAL=yes ;;
            --detach) DETACH=yes ;;
            --no-build) BUILD="" ;;
            -h | --help) up_usage && exit 0 ;;
            *) fail "up does not know '$1'; see ./dev up --help" ;;
        esac
        shift
    done
}

command_up() {
    STARTED=$(now_ms)
    up_flags "$@"
    ((EDGES == 1)) || [[ ! ${BELFRY_TLS_CERT:-} ]] ||
        fail "with several edges the balancer speaks plain HTTP to them: unset BELFRY_TLS_CERT, or have one edge"
    mkdir -p "$RUN/log"
    ! running || fail "it is running already (process $(cut -d' ' -f1 "$RUN/supervisor")); ./dev down stops it"
    sweep
    check_ports
    up_packages
    find_postgres
    [[ ! $BUILD ]] || build belfry-edge belfry-core belfry
    need_programs belfry-edge belfry-core belfry
    if [[ $DETACH ]]; then up_detached "$@"; else supervise; fi
}

up_packages() {
    local packages=("${RUN_PACKAGES[@]}")
    [[ ! $BUILD ]] || packages+=("${BUILD_PACKAGES[@]}")
    ((EDGES == 1)) || packages+=(haproxy)
    [[ ! ${BELFRY_TLS_CERT:-} ]] || packages+=(openssl)
    case $BUS in
        nats) packages+=(nats-server) ;;
        redis) packages+=(redis-server) ;;
    esac
    need_packages "${packages[@]}"
}

check_ports() {
    local port last=$((EDGES > 1 ? PORT + EDGES : PORT))
    for ((port = PORT; port <= last; port++)); do
        ! port_taken $port || fail "port $port is taken; choose another with --port"
    done
}

# The supervisor goes to the background with its words in a file; we wait for its verdict.
up_detached() {
    rm -f "$RUN/ready"
    BELFRY_PRESET=$PRESET STARTED=$STARTED setsid "$ROOT/dev" supervise "$@" \
        </dev/null >"$RUN/log/dev.log" 2>&1 &
    local supervisor=$!
    if ! wait_for 60 ready_or_dead $supervisor || [[ ! -e $RUN/ready ]]; then
        warn "it did not get ready:"
        tail -n 25 "$RUN/log/dev.log" >&2
        command_down >/dev/null
        exit 1
    fi
    cat "$RUN/ready"
    say "running in the background; ./dev down stops it, logs are in ${RUN#"$PWD"/}/log"
}
ready_or_dead() { [[ -e $RUN/ready ]] || ! kill -0 "$1"; }

# Not for people: what `up --detach` leaves in the background.
command_supervise() {
    up_flags "$@"
    find_postgres
    supervise
}

running() {
    local pid since
    read -r pid since 2>/dev/null <"$RUN/supervisor" && same_process "$pid" "$since"
}

command_down() {
    case ${1:-} in
        -h | --help) say "./dev down: stops what ./dev up started here" && exit 0 ;;
        ?*) fail "down takes no flags" ;;
    esac
    if running; then
        local pid
        pid=$(cut -d' ' -f1 "$RUN/supervisor")
        kill -TERM "$pid" 2>/dev/null || true
        wait_for 60 not_running || warn "it does not stop by itself; ending it"
    fi
    sweep
    say "stopped"
}
not_running() { ! running; }

# Ends what a supervisor that was killed itself has left behind, and nothing else.
sweep() {
    local pid since name
    [[ -e $RUN/pids ]] || return 0
    while read -r pid since name; do
        same_process "$pid" "$since" || continue
        case $name in
            postgres) kill -QUIT "$pid" ;;
            *) kill -KILL "$pid" ;;
        esac
        wait_for 10 process_gone "$pid" "$since" || warn "$name ($pid) does not end"
    done <"$RUN/pids"
    rm -f "$RUN/pids" "$RUN/supervisor" "$RUN/env" "$RUN/ready"
}
process_gone() { ! same_process "$@"; }
