#!/usr/bin/env bash
# A private PostgreSQL for tests, in a folder of its own and on a free port.
#
#   pg.sh start DIR   makes (or reuses) a cluster in DIR, starts it, prints DATABASE_URL
#   pg.sh url DIR     prints DATABASE_URL of the cluster in DIR
#   pg.sh pid DIR     prints the postmaster's process id
#   pg.sh stop DIR    stops it (immediately: nothing in it is worth a checkpoint)
#   pg.sh remove DIR  stops it and deletes DIR
#
# The database "belfry" belongs to the role "belfry"; nobody is asked for a password.
# initdb refuses root, so as root everything of PostgreSQL runs as PG_RUN_AS (postgres).
#
#   PG_FSYNC=on       durable, for benchmarks and for tests that kill PostgreSQL
#   PG_SETTINGS       further settings, "name=value" separated by spaces
#   PG_BIN            the folder of initdb and pg_ctl
set -euo pipefail

fail() {
    echo "pg.sh: $*" >&2
    exit 1
}

[ $# -eq 2 ] || fail "usage: pg.sh start|url|pid|stop|remove DIR"
action=$1
mkdir -p "$2"
dir=$(cd "$2" && pwd)
run_as=${PG_RUN_AS:-postgres}

find_bin() {
    local newest
    if [ -n "${PG_BIN:-}" ]; then
        echo "$PG_BIN"
        return
    fi
    newest=$(find /usr/lib/postgresql -path '*/bin/initdb' 2>/dev/null | sort -V | tail -n 1)
    if [ -n "$newest" ]; then
        dirname "$newest"
    elif command -v initdb >/dev/null; then
        dirname "$(command -v initdb)"
    else
        fail "PostgreSQL is not installed (no initdb)"
    fi
}

unprivileged() {
    if [ "$(id -u)" -eq 0 ]; then
        # From a folder that the other user may enter.
        (cd / && runuser -u "$run_as" -- "$@")
    else
        "$@"
    fi
}

free_port() {
    local port try
    for try in $(seq 100); do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
    fail "no free port found"
}

url() {
    echo "postgresql://belfry@127.0.0.1:$(cat "$dir/port")/belfry"
}

running() {
    [ -f "$dir/data/postmaster.pid" ] &&
        unprivileged "$bin/pg_ctl" -D "$dir/data" status >/dev/null 2>&1
}

initialise() {
    [ "$(id -u)" -ne 0 ] || chown "$run_as" "$dir"
    unprivileged "$bin/initdb" -D "$dir/data" -U belfry -A trust -E UTF8 --locale=C \
        --no-sync >"$dir/initdb.log" 2>&1 || fail "initdb failed, see $dir/initdb.log"
}

start() {
    local port setting fsync=${PG_FSYNC:-off}
    local -a settings
    [ -f "$dir/data/PG_VERSION" ] || initialise
    if running; then
        url
        return
    fi
    for attempt in 1 2 3; do
        port=$(free_port)
        settings=(port="$port" listen_addresses=127.0.0.1 fsync="$fsync"
            synchronous_commit=on full_page_writes="$fsync" max_connections=100
            max_locks_per_transaction=128 shared_buffers=128MB max_wal_size=2GB
            log_min_messages=warning unix_socket_directories=)
        # A socket's path has at most 107 bytes.
        [ ${#dir} -gt 80 ] || settings+=(unix_socket_directories="$dir")
        for setting in ${PG_SETTINGS:-}; do settings+=("$setting"); done
        if unprivileged "$bin/pg_ctl" -D "$dir/data" -w -t 60 -l "$dir/postgresql.log" \
            -o "$(printf -- '-c %s ' "${settings[@]}")" start >/dev/null 2>&1; then
            echo "$port" >"$dir/port"
            "$bin/psql" -qAtX -d "postgresql://belfry@127.0.0.1:$port/postgres" -c \
                "SELECT 'CREATE DATABASE belfry' WHERE NOT EXISTS
                   (SELECT FROM pg_database WHERE datname = 'belfry')" |
                "$bin/psql" -qAtX -d "postgresql://belfry@127.0.0.1:$port/postgres"
            url
            return
        fi
    done
    tail -n 5 "$dir/postgresql.log" >&2
    fail "PostgreSQL does not start, see $dir/postgresql.log"
}

stop() {
    if running; then
        unprivileged "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null
    fi
}

bin=$(find_bin)
case $action in
start) start ;;
url) url ;;
pid) head -n 1 "$dir/data/postmaster.pid" ;;
stop) stop ;;
remove) stop && rm -rf "$dir" ;;
*) fail "unknown action $action" ;;
esac
