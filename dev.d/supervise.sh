# The processes of one running system: starts them in order, watches them, stops them.
#
# Names are postgres, broker, core1 …, edge1 …, balancer. run_KIND becomes the process;
# everything else only knows names.

declare -A PID_OF=()
ORDER=()

supervise() {
    : "${STARTED:=$(now_ms)}"
    unset BELFRY_JWT_SECRET BELFRY_LINK_KEY BELFRY_EDGE_URLS BELFRY_URL
    trap 'exit 0' INT TERM HUP
    trap stop_all EXIT
    printf '%s %s\n' $$ "$(started_at $$)" >"$RUN/supervisor"
    make_secrets
    assign_ports
    start_database
    start_rest
    welcome
    watch
}

# --- what there is, and where

make_secrets() {
    local name
    mkdir -p "$RUN/secret" && chmod 700 "$RUN/secret"
    for name in jwt link postgres; do
        [[ -s $RUN/secret/$name ]] || (
            umask 077
            od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$RUN/secret/$name"
        )
    done
}

# PostgreSQL, the broker, then four for each core (requests, bus, status, one to spare).
assign_ports() {
    PG_PORT=$(free_ports $((4 + 4 * CORES)))
    BROKER_PORT=$((PG_PORT + 1))
    case $BUS in
        nng) BUS_URL=nng: ;;
        nats) BUS_URL=nats://127.0.0.1:$BROKER_PORT ;;
        redis) BUS_URL=redis://127.0.0.1:$BROKER_PORT ;;
    esac
    SCHEME=${BELFRY_TLS_CERT:+https} SCHEME=${SCHEME:-http}
    BASE_URL=$SCHEME://127.0.0.1:$PORT
}
core_port() { printf '%d' $((PG_PORT + 4 * $1)); }
edge_port() { printf '%d' $((EDGES > 1 ? PORT + $1 : PORT)); }
each() {
    local i
    for ((i = 1; i <= $2; i++)); do "$1" $i; done
}
edge_url() { printf '%s://127.0.0.1:%d ' "$SCHEME" "$(edge_port "$1")"; }
core_url() { printf 'http://127.0.0.1:%d ' $(($(core_port "$1") + 2)); }
core_address() { printf '127.0.0.1:%d,' "$(core_port "$1")"; }
trim() { sed 's/[ ,]*$//'; }

# --- processes

start() {
    local name=$1 run=run_${1%%[0-9]*} number=${1##*[a-z]}
    "$run" ${number:+"$number"} </dev/null >>"$RUN/log/$name.log" 2>&1 &
    PID_OF[$name]=$!
    [[ " ${ORDER[*]} " == *" $name "* ]] || ORDER+=("$name")
    write_pids
}

run_postgres() {
    cd /
    LC_ALL=C exec setsid setpriv "${PG_AS[@]}" -- "$PG_BIN/postgres" -D "$PG_DATA" -p "$PG_PORT" \
        -c listen_addresses=127.0.0.1 -c unix_socket_directories="$PG_SOCKET" \
        -c fsync=on -c synchronous_commit=on -c shared_preload_libraries= \
        -c max_locks_per_transaction=128 -c max_connections=200 -c max_wal_size=4GB \
        -c timezone=UTC -c log_timezone=UTC
}

run_broker() {
    case $BUS in
        nats) exec setsid nats-server -a 127.0.0.1 -p "$BROKER_PORT" ;;
        redis) exec setsid redis-server --bind 127.0.0.1 --port "$BROKER_PORT" --dir "$RUN" \
            --save '' --appendonly no ;;
    esac
}

run_core() {
    local port
    port=$(core_port "$1")
    common_settings
    export BELFRY_LISTEN_HOST=127.0.0.1 BELFRY_LISTEN_PORT=$port
    export BELFRY_STATUS_HOST=127.0.0.1 BELFRY_STATUS_PORT=$((port + 2))
    exec setsid "$(program belfry-core)"
}

run_edge() {
    common_settings
    BELFRY_PORT=$(edge_port "$1")
    BELFRY_CORES=$(each core_address "$CORES" | trim)
    export BELFRY_HOST=$HOST BELFRY_PORT BELFRY_CORES
    export BELFRY_JWT_SECRET_FILE=$RUN/secret/jwt BELFRY_DEMO_FILE=$RUN/demo.json
    export BELFRY_WEB_DIR=${BELFRY_WEB_DIR:-$ROOT/edge/web}
    export BELFRY_CORS_ORIGIN=${BELFRY_CORS_ORIGIN:-$(own_origins)}
    export BELFRY_DRAIN=${BELFRY_DRAIN:-1s}
    ((EDGES == 1)) || export BELFRY_TRUSTED_PROXIES=${BELFRY_TRUSTED_PROXIES:-127.0.0.1}
    unset DATABASE_URL
    exec setsid "$(program belfry-edge)"
}

common_settings() {
    export BELFRY_ENV=${BELFRY_ENV:-development} BELFRY_BUS=$BUS_URL BELFRY_LIMITS=$LIMITS
    export BELFRY_LINK_KEY_FILE=$RUN/secret/link
}

# The demo page comes from the balancer and speaks to single edges.
own_origins() {
    local origins="http://localhost:5173" port i
    for ((i = 0; i <= EDGES; i++)); do
        port=$((PORT + i))
        origins+=",$SCHEME://127.0.0.1:$port,$SCHEME://localhost:$port"
    done
    printf '%s' "$origins"
}

run_balancer() {
    export BALANCER_BIND=$HOST:$PORT
    PATH=$PATH:/usr/sbin exec setsid haproxy -db -f "$ROOT/deploy/haproxy/base.cfg" -f "$RUN/haproxy.cfg"
}
write_balancer_config() {
    local i
    {
        printf 'backend edges\n'
        for ((i = 1; i <= EDGES; i++)); do
            printf '    server edge%d 127.0.0.1:%d\n' $i "$(edge_port $i)"
        done
    } >"$RUN/haproxy.cfg"
}

# --- the database

find_postgres() {
    PG_BIN=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -1)
    [[ -x $PG_BIN/postgres ]] || fail "there is no PostgreSQL in /usr/lib/postgresql"
    PG_AS=(--no-new-privs)
    ((EUID)) || PG_AS=(--reuid postgres --regid postgres --init-groups)
}

# In .run, unless the user postgres cannot get there or a socket's path would be too long
# (107 bytes): then in a folder of ours beside the system's temporary ones.
place_database() {
    local short
    short=$(printf '%s' "$RUN" | cksum | cut -d' ' -f1)-$EUID
    PG_DATA=$RUN/pg PG_SOCKET=$RUN/socket
    mkdir -p "$PG_SOCKET"
    as_postgres test -x "$RUN" || chmod o+x "$RUN" # it may pass through, not look around
    if ! as_postgres test -x "$RUN"; then
        PG_DATA=/var/tmp/belfry-pg-$short
        PG_SOCKET=/tmp/belfry-$short
    elif ((${#PG_SOCKET} > 80)); then
        PG_SOCKET=/tmp/belfry-$short
    fi
    own_folder "$PG_DATA"
    own_folder "$PG_SOCKET"
}
own_folder() {
    [[ ! -L $1 ]] || fail "$1 is a link that we did not make"
    mkdir -p "$1" && chmod 700 "$1"
    ((EUID)) || chown postgres: "$1"
}

start_database() {
    place_database
    local fresh=""
    as_postgres test -e "$PG_DATA/made-by-dev" || fresh=yes
    [[ ! $fresh ]] || make_cluster
    [[ $PG_BIN == */$(as_postgres cat "$PG_DATA/PG_VERSION")/bin ]] ||
        fail "the data in $PG_DATA is of another PostgreSQL than $PG_BIN; remove it to start anew"
    : >"$RUN/log/postgres.log"
    start postgres
    wait_alive postgres 60 "$PG_BIN/pg_isready" -q -h "$PG_SOCKET" -p "$PG_PORT"
    DATABASE_URL="postgresql://belfry@/belfry?host=${PG_SOCKET//\//%2F}&port=$PG_PORT"
    export DATABASE_URL
    [[ ! $fresh ]] || make_database
    BELFRY_MIGRATIONS=$ROOT/migrations "$(program belfry)" migrate up >"$RUN/log/migrate.log" 2>&1 ||
        fail_with_log "the migrations failed; in development, 'rm -r $RUN/pg' starts anew" migrate
}

# One that was not made to its end (made-by-dev is written last) is made anew.
make_cluster() {
    local log=$RUN/log/initdb.log
    as_postgres find "$PG_DATA" -mindepth 1 -delete
    (cd / && LC_ALL=C as_postgres "$PG_BIN/initdb" -D "$PG_DATA" --username postgres \
        --encoding UTF8 --locale C.UTF-8 --data-checksums \
        --auth-local trust --auth-host scram-sha-256) >"$log" 2>&1 ||
        fail_with_log "initdb failed" initdb
}
make_database() {
    "$PG_BIN/psql" -qX -v ON_ERROR_STOP=1 -v password="$(<"$RUN/secret/postgres")" \
        -h "$PG_SOCKET" -p "$PG_PORT" -U postgres postgres <<'END'
SET log_statement = 'none';
CREATE ROLE belfry LOGIN PASSWORD :'password';
CREATE DATABASE belfry OWNER belfry;
END
    as_postgres touch "$PG_DATA/made-by-dev"
}

# --- start and stop

start_rest() {
    [[ $BUS == nng ]] || start broker
    each start_core "$CORES"
    make_demo
    each start_edge "$EDGES"
    each wait_core "$CORES"
    each wait_edge "$EDGES"
    if ((EDGES > 1)); then
        write_balancer_config
        start balancer
        wait_alive balancer 20 http_ok "$PORT" /readyz
    fi
}
start_core() { : >"$RUN/log/core$1.log" && start "core$1"; }
start_edge() { : >"$RUN/log/edge$1.log" && start "edge$1"; }
wait_core() { wait_alive "core$1" 40 http_ok $(($(core_port "$1") + 2)) /readyz; }
wait_edge() { wait_alive "edge$1" 40 "${SCHEME}_ok" "$(edge_port "$1")" /readyz; }

# `wait_alive NAME SECONDS command…`: for the command, as long as the process lives.
wait_alive() {
    local name=$1 seconds=$2
    shift 2
    wait_for "$seconds" succeeds_or_dead "$name" "$@" && [[ $OUTCOME == ok ]] ||
        fail_with_log "$name did not get ready" "$name"
}
succeeds_or_dead() {
    OUTCOME=ok
    "${@:2}" && return
    OUTCOME=dead
    ! kill -0 "${PID_OF[$1]}"
}

fail_with_log() {
    [[ ! -s $RUN/log/$2.log ]] || tail -n 15 "$RUN/log/$2.log" >&2
    fail "$1; more in $RUN/log/$2.log"
}

# Ten times a second, so that one that cannot live is not tried more often either; but
# seldom where nothing is healed: a look starts a process, 1.6 ms in the middle of what
# may be measured. A signal ends `wait`, as it does not end `sleep`.
watch() {
    local name
    while true; do
        sleep "${HEAL:+0.}1" &
        wait $! || true
        for name in "${ORDER[@]}"; do
            [[ -z ${PID_OF[$name]:-} ]] || kill -0 "${PID_OF[$name]}" 2>/dev/null || died "$name"
        done
    done
}

died() {
    local name=$1 status=0
    wait "${PID_OF[$name]}" 2>/dev/null || status=$?
    say "$(date -u +%T) $name (process ${PID_OF[$name]}) died with status $status"
    unset "PID_OF[$name]"
    if [[ $HEAL ]]; then
        start "$name"
    fi
    write_pids
    write_env
}

# Those that others lean on go last. Each gets time to end by itself.
stop_all() {
    trap '' INT TERM HUP
    set +e
    stop TERM 5 balancer
    # shellcheck disable=SC2046
    stop TERM 8 $(printf '%s\n' "${!PID_OF[@]}" | grep '^edge')
    # shellcheck disable=SC2046
    stop TERM 8 $(printf '%s\n' "${!PID_OF[@]}" | grep '^core')
    stop TERM 5 broker
    stop INT 30 postgres
    [[ ${PG_SOCKET:-$RUN/} == "$RUN"/* ]] || rmdir "$PG_SOCKET"
    rm -f "$RUN/env" "$RUN/ready" "$RUN/pids" "$RUN/supervisor"
}

stop() {
    local signal=$1 seconds=$2 name
    shift 2
    for name in "$@"; do
        [[ -z ${PID_OF[$name]:-} ]] || kill "-$signal" "${PID_OF[$name]}" 2>/dev/null
    done
    for name in "$@"; do
        [[ ${PID_OF[$name]:-} ]] || continue
        wait_for "$seconds" dead "${PID_OF[$name]}" || {
            warn "$name does not stop; killing it"
            kill -KILL "${PID_OF[$name]}" 2>/dev/null
        }
        wait "${PID_OF[$name]}" 2>/dev/null
        unset "PID_OF[$name]"
    done
}
dead() { ! kill -0 "$1"; }

# --- the demo, and the first words

# Community, room and two users, and a file for the demo page: tokens are in no URL.
make_demo() {
    local lobby=00000000-0000-4000-9000-00000000be1f users="" i=0 name
    "$PG_BIN/psql" -qAtX -v ON_ERROR_STOP=1 "$DATABASE_URL" -c 'SELECT dev_demo()' >"$RUN/log/demo.log" 2>&1 ||
        fail_with_log "the demo data could not be made" demo
    for name in alice bob; do
        i=$((i % EDGES + 1))
        users+="${users:+, }{\"name\": \"$name\", \"token\": \"$(make_token $name)\", \"url\": \"$(edge_url $i | trim)\"}"
    done
    (
        umask 077
        printf '{"roomId": "%s", "users": [%s]}\n' "$lobby" "$users" >"$RUN/demo.json"
    )
}
make_token() {
    BELFRY_JWT_SECRET=$(<"$RUN/secret/jwt") "$(program belfry)" token "$1" --expires 30d ||
        fail "no token for $1"
}

welcome() {
    local ms token
    token=$(make_token alice)
    write_env
    ms=$(($(now_ms) - STARTED))
    (
        umask 077
        cat >"$RUN/ready.new" <<END
ready in $((ms / 1000)).$(printf '%03d' $((ms % 1000))) s

  URL    $BASE_URL
  token  $token
  try    curl -s -X POST $BASE_URL/api/v1/events/LIST_SESSIONS -H "Authorization: Bearer \$(./dev token alice)" -H 'Content-Type: application/json' -d '{}'
  demo   $BASE_URL/?demo

END
    )
    # in the background the one who waits for the file prints it
    [[ $DETACH ]] || cat "$RUN/ready.new"
    mv "$RUN/ready.new" "$RUN/ready"
}

# --- what others read

write_pids() {
    local name
    for name in "${!PID_OF[@]}"; do
        printf '%s %s %s\n' "${PID_OF[$name]}" "$(started_at "${PID_OF[$name]}")" "$name"
    done >"$RUN/pids.new"
    mv "$RUN/pids.new" "$RUN/pids"
}

pids_of() {
    local name pids=()
    for name in "${ORDER[@]}"; do
        # shellcheck disable=SC2053
        [[ $name == $1 && ${PID_OF[$name]:-} ]] && pids+=("${PID_OF[$name]}")
    done
    printf '%s' "${pids[*]}"
}

write_env() {
    (
        umask 077
        cat >"$RUN/env.new" <<END
BELFRY_URL='$BASE_URL'
BELFRY_EDGE_URLS='$(each edge_url "$EDGES" | trim)'
BELFRY_CORE_URLS='$(each core_url "$CORES" | trim)'
BELFRY_JWT_SECRET='$(<"$RUN/secret/jwt")'
DATABASE_URL='$DATABASE_URL'
BELFRY_EDGE_PIDS='$(pids_of 'edge*')'
BELFRY_CORE_PIDS='$(pids_of 'core*')'
BELFRY_PG_PID='$(pids_of postgres)'
BELFRY_AUX_PIDS='$(pids_of '@(broker|balancer)')'
BELFRY_BUILD_DIR='$BUILD_DIR'
END
    )
    mv "$RUN/env.new" "$RUN/env"
}
