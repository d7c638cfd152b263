# Debian packages: looks which are missing, and installs only those.

BUILD_PACKAGES=(
    build-essential cmake ninja-build pkg-config
    libwebsockets-dev libwebsockets-evlib-uv libnng-dev libprotobuf-c-dev protobuf-c-compiler
    protobuf-compiler libprotobuf-dev libpq-dev libjwt-dev libssl-dev libuv1-dev
    libjansson-dev libnats-dev libhiredis-dev libcmocka-dev
)
RUN_PACKAGES=(postgresql util-linux)

# `need_packages NAME…`: installs what is missing of them.
need_packages() {
    local missing
    mapfile -t missing < <(missing_packages "$@")
    ((${#missing[@]})) || return 0
    say "installing from Debian: ${missing[*]}"
    as_root "$ROOT/dev.d/install.sh" "${missing[@]}"
}

missing_packages() {
    command -v dpkg-query >/dev/null || fail "this needs Debian (or the packages: $*)"
    local installed name
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
    for name in "$@"; do
        grep -qxF "installed $name" <<<"$installed" || printf '%s\n' "$name"
    done
}

as_root() {
    if ((EUID == 0)); then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "not root and no sudo: please run as root: $*"
    fi
}

# Node.js comes from Debian or from elsewhere: what counts is the command.
need_node() {
    command -v node >/dev/null || need_packages nodejs
    command -v npm >/dev/null || need_packages npm
}

# What package-lock.json names, in the folder we are in.
install_node_modules() {
    [[ node_modules/.package-lock.json -nt package-lock.json ]] || npm ci --no-audit --no-fund
}
