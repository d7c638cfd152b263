# A Docker engine for the compose test: the one that runs, or a private one of our own in a
# scratch folder, which leaves the machine as it was. Sourced by test_compose.sh.

docker_works() { docker info >/dev/null 2>&1; }

# `engine_start FOLDER`: DOCKER_HOST leads to an engine, or 1 if none can run here.
engine_start() {
    docker_works && return 0
    ((EUID == 0)) && command -v dockerd iptables-save >/dev/null || return 1
    ENGINE=$1
    mkdir -p "$ENGINE"
    iptables-save >"$ENGINE/iptables" 2>/dev/null
    cat /proc/sys/net/ipv4/ip_forward >"$ENGINE/ip_forward"
    export DOCKER_HOST=unix://$ENGINE/docker.sock
    dockerd --data-root "$ENGINE/data" --exec-root "$ENGINE/exec" -H "$DOCKER_HOST" \
        -p "$ENGINE/dockerd.pid" --mtu "$(outer_mtu)" >"$ENGINE/dockerd.log" 2>&1 &
    ENGINE_PID=$!
    local tries
    for ((tries = 0; tries < 120; tries++)); do
        docker_works && return 0
        kill -0 $ENGINE_PID 2>/dev/null || break
        sleep 0.5
    done
    tail -n 5 "$ENGINE/dockerd.log" >&2
    engine_stop
    return 1
}

# A bridge must not promise more than the way out carries.
outer_mtu() {
    local device
    device=$(awk '$2 == "00000000" { print $1; exit }' /proc/net/route)
    cat "/sys/class/net/${device:-lo}/mtu"
}

# The tables that the engine writes to, as they were; one that was not there had no rules.
iptables_before() {
    cat "$ENGINE/iptables"
    grep -qx '\*filter' "$ENGINE/iptables" ||
        printf '%s\n' '*filter' ':INPUT ACCEPT' ':FORWARD ACCEPT' ':OUTPUT ACCEPT' COMMIT
    grep -qx '\*nat' "$ENGINE/iptables" ||
        printf '%s\n' '*nat' ':PREROUTING ACCEPT' ':INPUT ACCEPT' ':OUTPUT ACCEPT' ':POSTROUTING ACCEPT' COMMIT
}

engine_stop() {
    [[ ${ENGINE_PID:-} ]] || return 0
    docker network prune -f >/dev/null 2>&1 # and with them their bridges
    kill -TERM "$ENGINE_PID" 2>/dev/null
    wait "$ENGINE_PID" 2>/dev/null
    ENGINE_PID=""
    iptables_before | iptables-restore 2>/dev/null
    cat "$ENGINE/ip_forward" >/proc/sys/net/ipv4/ip_forward
    # a namespace of a container may still be mounted
    grep -o " $ENGINE/[^ ]*" /proc/mounts | sort -r | xargs -r umount -l
    ip link delete docker0 2>/dev/null
    rm -rf --one-file-system "$ENGINE"
}
