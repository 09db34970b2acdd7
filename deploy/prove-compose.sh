#!/usr/bin/env bash
# Proves that the composed cluster works: starts it with three nodes, runs prove/prove.mjs against it, and takes
# everything down again, also after a failure. `make compose` runs it. Needs the engine, compose 1.29 or the compose
# plugin, Node.js 20 and npm. Takes three minutes, and what building the image takes.
#
#   deploy/prove-compose.sh                                   builds the image first
#   ROOMCAST_IMAGE=roomcast:1.2 deploy/prove-compose.sh       proves an image that exists
#
# It runs beside a cluster of the same machine: it has a project name, a network and ports of its own.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "prove-compose: $*" >&2; exit 1; }

if [ -n "${COMPOSE:-}" ]; then
  export COMPOSE
elif docker compose version >/dev/null 2>&1; then
  export COMPOSE="docker compose"
elif command -v docker-compose >/dev/null; then
  export COMPOSE="docker-compose"
else
  fail "neither 'docker compose' nor 'docker-compose' is here"
fi
docker info >/dev/null 2>&1 || fail "the engine does not answer: is dockerd running, and may this user talk to it?"
command -v npm >/dev/null || fail "npm is not here; the clients of the proof are Node.js programs"

build=()
if [ -z "${ROOMCAST_IMAGE:-}" ]; then
  export ROOMCAST_IMAGE=roomcast:prove
  build=(--build)
fi
export COMPOSE_PROJECT_NAME=roomcast-prove
# Port 0: the engine picks a free one.
export PUBLIC_PORT=0 BALANCER_PORT=0 PROMETHEUS_PORT=0 GRAFANA_PORT=0

finish() {
  local code=$?
  trap - EXIT INT TERM
  if [ "$code" -ne 0 ]; then
    echo "prove-compose: failed; the containers and the end of their logs:" >&2
    $COMPOSE ps >&2 || true
    $COMPOSE logs --no-color --tail=40 >&2 || true
  fi
  $COMPOSE down --volumes --remove-orphans --timeout 5 >/dev/null 2>&1 || true
  exit "$code"
}
trap finish EXIT INT TERM

# Once, and again when the lock file has changed.
[ deploy/prove/node_modules/.package-lock.json -nt deploy/prove/package-lock.json ] ||
  npm --prefix deploy/prove ci --ignore-scripts --no-audit --no-fund --silent
$COMPOSE down --volumes --remove-orphans --timeout 5 >/dev/null 2>&1 || true
# Grafana takes no part: what it would ask Prometheus, the proof asks.
timeout --kill-after=30 1800 $COMPOSE up --detach "${build[@]}" --scale node=3 redis node haproxy prometheus
timeout --kill-after=30 480 node deploy/prove/prove.mjs
