#!/usr/bin/env bash
# `docker-compose up` on a clean tree, for real: builds the images, talks through official
# clients, scales edges and cores up and down meanwhile, and takes all away again.
#
# Ends with 77 where no Docker engine can run. Tests are counted in a closing line.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=engine.sh
source "$here/engine.sh"

scratch=$(mktemp -d /var/tmp/belfry-compose-XXXXXX)
project=belfry-test-$$
passed=0 failed=0

main() {
    trap clean_up EXIT
    command -v docker-compose >/dev/null || skip "docker-compose is not installed"
    if ! engine_start "$scratch/engine"; then skip "no Docker engine can run here"; fi
    # with a private engine there are no official images
    if [[ ${ENGINE_PID:-} || ${BELFRY_STANDINS:-} ]]; then
        "$here/standins.sh" "$scratch" || fail "the stand-ins for official images"
    fi
    clean_copy
    export BELFRY_PORT
    BELFRY_PORT=$(free_port)
    export BELFRY_CORS_ORIGIN=http://localhost:$BELFRY_PORT
    export BELFRY_LIMITS=dry-run

    check "docker-compose up builds and starts everything" up
    check "welcome says where it is, with a token that works" welcome
    check "migrate status, and up again" migrations
    check "ten clients talk while edges and cores go 1, 3, 1" scaling
    check "docker-compose down -v leaves nothing" down
    printf '%d passed, %d failed\n' $passed $failed
    ((failed == 0))
}

skip() {
    echo "SKIPPED: $1"
    exit 77
}
fail() {
    echo "FAILED: $1"
    printf '%d passed, %d failed\n' $passed $((failed + 1))
    exit 1
}

# Each stands on the one before: after a failure the rest is not tried.
check() {
    local began=$SECONDS
    if ((failed)); then
        failed=$((failed + 1))
        echo "not ok - $1 (not tried)"
    elif "$2" >"$scratch/$2.log" 2>&1; then
        passed=$((passed + 1))
        echo "ok - $1 ($((SECONDS - began)) s)"
        sed -n 's/^[0-9]* messages acked/  &/p' "$scratch/$2.log"
    else
        failed=$((failed + 1))
        echo "not ok - $1"
        tail -n 40 "$scratch/$2.log"
        dc logs --tail=15 --no-color 2>/dev/null | tail -n 60
    fi
}

dc() { docker-compose -p "$project" --project-directory "$scratch/tree" -f "$scratch/tree/docker-compose.yml" "$@"; }

# What git would give to somebody who clones, with what is being worked on.
clean_copy() {
    mkdir "$scratch/tree"
    (cd "$root" && git ls-files -co --exclude-standard -z |
        while IFS= read -r -d '' file; do [[ -e $file ]] && printf '%s\0' "$file"; done |
        tar --null -c -T - | tar -x -C "$scratch/tree")
}

free_port() {
    node -e 'const s = require("net").createServer().listen(0, () => { console.log(s.address().port); s.close() })'
}

until_true() {
    local seconds=$1 end
    end=$((SECONDS + seconds))
    shift
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.5
    done
}

up() {
    dc up -d || return 1
    until_true 90 curl -fsS "http://localhost:$BELFRY_PORT/readyz"
}

welcome() {
    until_true 60 welcome_ended || return 1
    local words token
    words=$(dc logs --no-color welcome)
    echo "$words"
    grep -q "http://localhost:$BELFRY_PORT/?demo" <<<"$words" || return 1
    token=$(dc run --rm -T welcome token alice) || return 1
    curl -fsS -X POST "http://localhost:$BELFRY_PORT/api/v1/events/LIST_SESSIONS" \
        -H "Authorization: Bearer $token" -H 'Content-Type: application/json' -d '{}' || return 1
    [[ $(curl -fsS "http://localhost:$BELFRY_PORT/?demo") == *'<title>Belfry'* ]] || return 1
    # neither secrets nor the database are to be had from outside
    [[ $(docker ps --filter "label=com.docker.compose.project=$project" --format '{{.Ports}}' | grep -c '0.0.0.0') == 1 ]]
}
welcome_ended() { dc logs --no-color welcome 2>/dev/null | grep -q '?demo'; }

migrations() {
    dc run --rm -T migrate status || return 1
    dc run --rm -T migrate up
}

scaling() {
    local secret pid end=0 edges cores
    secret=$(dc run --rm -T --entrypoint cat migrate /var/lib/belfry/jwt_secret) || return 1
    mkfifo "$scratch/control"
    node "$here/talk.mjs" "http://localhost:$BELFRY_PORT" "$secret" <"$scratch/control" >"$scratch/talk.log" 2>&1 &
    pid=$!
    exec {control}>"$scratch/control"
    until_true 30 grep -q talking "$scratch/talk.log" || end=1
    for edges_cores in "3 1" "3 3" "1 3" "1 1"; do
        read -r edges cores <<<"$edges_cores"
        echo "--- edge=$edges core=$cores"
        dc up -d --no-recreate --no-deps --scale "edge=$edges" --scale "core=$cores" edge core || end=1
        until_true 60 healthy edge "$edges" || end=1
        until_true 60 healthy core "$cores" || end=1
        sleep 2 # the balancer looks for new edges once a second
        echo move >&"$control"
        sleep 3 # some talk in this shape
    done
    echo stop >&"$control"
    exec {control}>&-
    wait $pid || end=1
    cat "$scratch/talk.log"
    return $end
}
healthy() {
    [[ $(docker ps -q --filter "label=com.docker.compose.project=$project" \
        --filter "label=com.docker.compose.service=$1" --filter health=healthy | wc -l) == "$2" ]]
}

down() {
    dc down -v || return 1
    [[ -z $(docker ps -aq --filter "label=com.docker.compose.project=$project") ]] &&
        [[ -z $(docker volume ls -q --filter "label=com.docker.compose.project=$project") ]]
}

clean_up() {
    docker_works && dc down -v >/dev/null 2>&1
    engine_stop
    rm -rf --one-file-system "$scratch"
}

main "$@"
