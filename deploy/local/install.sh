#!/bin/sh
# Installs Debian packages as root without letting their servers start, now or at the next boot.
# Whatever was on the machine before stays as it was: only packages that were missing are touched.
set -eu

policy=/usr/sbin/policy-rc.d
kept=$policy.kept-by-darkroom
cluster_rule=/etc/postgresql-common/createcluster.d/darkroom.conf

restore() {
    rm -f "$policy" "$cluster_rule"
    if [ -e "$kept" ]; then mv "$kept" "$policy"; fi
    rmdir /etc/postgresql-common/createcluster.d /etc/postgresql-common 2>/dev/null || true
}

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

forbid_starts() {
    # An earlier run that was killed can have left its own rule beside the one it kept.
    if [ -e "$policy" ] && [ ! -e "$kept" ]; then mv "$policy" "$kept"; fi
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    mkdir -p "${cluster_rule%/*}"
    echo 'create_main_cluster = false' >"$cluster_rule"
}

install_packages() {
    apt-get install --yes --no-install-recommends --no-upgrade -o Dpkg::Options::=--force-confold "$@"
}

keep_off_at_boot() {
    command -v systemctl >/dev/null || return 0
    for unit in "$@"; do systemctl --quiet disable "$unit" || true; done
}

fresh=
is_installed rabbitmq-server || fresh="$fresh rabbitmq-server.service"
is_installed erlang-base || fresh="$fresh epmd.service epmd.socket"
is_installed postgresql-common || fresh="$fresh postgresql.service"

export DEBIAN_FRONTEND=noninteractive
trap restore EXIT
trap 'exit 130' HUP INT TERM
forbid_starts
install_packages "$@" || { apt-get update && install_packages "$@"; }
# shellcheck disable=SC2086  # a list of words
keep_off_at_boot $fresh
