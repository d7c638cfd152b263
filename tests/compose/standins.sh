#!/usr/bin/env bash
# Images that stand in for the official ones where no registry can be reached: a small
# Debian made by debootstrap, and on it PostgreSQL and NATS from Debian's packages that
# start up as the official images do.
#
#   standins.sh FOLDER     a scratch folder; needs root, debootstrap and an engine
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$1

have() { docker image inspect "$1" >/dev/null 2>&1; }

make_debian() {
    have debian:bookworm-slim && return
    echo "debian:bookworm-slim: debootstrap"
    debootstrap --variant=minbase bookworm "$folder/debian" >"$folder/debootstrap.log" 2>&1 ||
        { tail "$folder/debootstrap.log" >&2 && return 1; }
    # the official image keeps neither packages nor their documents, and nor does this one
    echo 'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb"; };' >"$folder/debian/etc/apt/apt.conf.d/docker-clean"
    printf 'path-exclude /usr/share/%s/*\n' doc man locale >"$folder/debian/etc/dpkg/dpkg.cfg.d/docker"
    tar -C "$folder/debian" -c --exclude='./var/cache/apt/archives/*.deb' \
        --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' . |
        docker import -c 'CMD ["bash"]' - debian:bookworm-slim >/dev/null
    rm -rf --one-file-system "$folder/debian"
}

make_image() {
    have "$1" && return
    echo "$1: $2"
    docker build -q -t "$1" -f "$here/$2" "$here" >/dev/null
}

make_debian
make_image postgres:15 postgres.Dockerfile
make_image nats:2.9 nats.Dockerfile
