#!/bin/sh
# Replaces the servers that run under Compose without losing a request.

set -eu

SERVICE=rowlock
# deploy/haproxy.cfg has places for this many servers.
MAX_SERVERS=20
# stop_grace_period in docker-compose.yml.
STOP_SECONDS=40

usage() {
    cat <<'USAGE'
Usage: deploy/update.sh [--no-build] [--servers N] [--wait SECONDS]

Replaces the servers that run under Compose without losing a request: builds the image, migrates
the database, starts new servers beside the old ones, waits until they are ready and the balancer
sends them requests, and then stops the old servers one after the other. If the new servers don't
become ready, it removes them, and the old ones go on.

  --no-build      use the image that is there; for changed settings, or an image that was pulled
  --servers N     how many servers run afterwards; as many as now if not given
  --wait SECONDS  how long to wait for the new servers, 120 if not given

Set COMPOSE_FILE as for `docker compose` if more files than docker-compose.yml are used, as in
COMPOSE_FILE=docker-compose.yml:deploy/https.yml deploy/update.sh
USAGE
}

say() {
    echo "update: $*"
}

fail() {
    echo "update: $*" >&2
    exit 1
}

# A whole number above zero.
is_count() {
    case $1 in
        '' | 0* | *[!0-9]*) return 1 ;;
    esac
}

compose() {
    if docker compose version >/dev/null 2>&1; then
        docker compose "$@"
    else
        docker-compose "$@"
    fi
}

# Ids of the service's containers that match this filter, without those of `docker compose run`.
containers() {
    docker ps --quiet --no-trunc "$@" \
        --filter "label=com.docker.compose.project=$project" \
        --filter "label=com.docker.compose.service=$SERVICE" \
        --filter "label=com.docker.compose.oneoff=False"
}

# The number of servers to which the balancer sends requests.
servers_in_rotation() {
    docker exec "$balancer" wget -q -O - http://127.0.0.1:8404/ 2>/dev/null
}

# Stops servers one after the other. Each finishes its requests, and the balancer notices before.
stop_servers() {
    for id in "$@"; do
        docker stop -t "$STOP_SECONDS" "$id" >/dev/null
        docker rm "$id" >/dev/null
    done
}

# The ids in the first list that are not in the second.
without() {
    for id in $1; do
        echo "$2" | grep -qxF "$id" || echo "$id"
    done
}

# Removes the new servers, and ends.
give_up() {
    trap - INT TERM
    say "removing the new servers"
    # shellcheck disable=SC2046 # several ids
    stop_servers $(without "$(containers --all)" "$old")
    fail "$* The old servers go on."
}

build=yes
servers=
wait_seconds=120
while [ $# -gt 0 ]; do
    case $1 in
        --no-build) build=no ;;
        --servers | --wait)
            is_count "${2:-}" || fail "$1 needs a number above 0; --help tells more"
            if [ "$1" = --servers ]; then servers=$2; else wait_seconds=$2; fi
            shift
            ;;
        -h | --help)
            usage
            exit
            ;;
        *) fail "$1 is not known; --help lists what is" ;;
    esac
    shift
done

cd "$(dirname "$0")/.."
docker version >/dev/null 2>&1 || fail "the Docker engine can't be reached: is it running, and may you use it?"
compose config --quiet || fail "the Compose file or .env is wrong; nothing was changed"

balancer=$(compose ps --quiet balancer)
[ -n "$balancer" ] || fail "the site is not running; start it with \`docker compose up --build --detach\`"
project=$(docker inspect --format '{{index .Config.Labels "com.docker.compose.project"}}' "$balancer")
old=$(containers --filter status=running)
[ -n "$old" ] || fail "no server is running; start one with \`docker compose up --build --detach\`"
old_count=$(echo "$old" | wc -l)
servers=${servers:-$old_count}
before=$(servers_in_rotation) || fail "the balancer does not tell how many servers it uses. If it was started with an older deploy/haproxy.cfg, run \`docker compose restart balancer\` once"
[ "$before" -gt 0 ] || fail "the balancer uses no server: look at \`docker compose logs $SERVICE\` first"
[ $((old_count + servers)) -le "$MAX_SERVERS" ] \
    || fail "$old_count old and $servers new servers are more than the balancer's $MAX_SERVERS places"

if [ "$build" = yes ]; then
    say "building the image"
    compose build "$SERVICE" || fail "the image was not built; nothing was changed"
fi
say "migrating the database"
compose run --rm migrate || fail "the database was not migrated; the old servers go on"

# Compose would start these again instead of making new ones.
stopped=$(without "$(containers --all)" "$old")
# shellcheck disable=SC2086 # several ids
[ -z "$stopped" ] || docker rm --force $stopped >/dev/null

say "starting $servers new servers beside $old_count old ones"
trap 'give_up "interrupted."' INT TERM
compose up --detach --no-deps --no-build --no-recreate \
    --scale "$SERVICE=$((old_count + servers))" "$SERVICE" || give_up "the new servers did not start."
new=$(without "$(containers --all)" "$old")

deadline=$(($(date +%s) + wait_seconds))
for id in $new; do
    while :; do
        state=$(docker inspect --format '{{.State.Status}} {{.RestartCount}} {{.State.Health.Status}}' "$id")
        case $state in
            'running 0 healthy') break ;;
            'running 0 starting' | 'created '*) ;;
            *) state=failed ;;
        esac
        if [ "$state" = failed ] || [ "$(date +%s)" -ge "$deadline" ]; then
            docker logs --tail 5 "$id" 2>&1 | sed 's/^/    /' >&2
            give_up "a new server did not become ready; its last log lines are above."
        fi
        sleep 1
    done
done
say "the new servers are ready; waiting until the balancer uses them"
until [ "$(servers_in_rotation || echo 0)" -ge $((before + servers)) ]; do
    [ "$(date +%s)" -lt "$deadline" ] || give_up "the balancer does not use the new servers."
    sleep 1
done
trap - INT TERM

number=0
for id in $old; do
    number=$((number + 1))
    [ "$(servers_in_rotation || echo 0)" -ge "$servers" ] \
        || fail "new servers are no longer ready, so $((old_count - number + 1)) of the old ones go on: look at \`docker compose logs $SERVICE\`"
    say "stopping old server $number of $old_count"
    stop_servers "$id"
done
say "done: $servers new servers run"
