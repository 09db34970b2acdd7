#!/usr/bin/env bash
# Checks every file under deploy/ without starting a container: well formed, accepted by the program that reads it,
# and in agreement with the others. Part of `make test`. Needs promtool, haproxy, Node.js 20 and npm; a tool that is
# missing is a failure. Compose is asked only where it is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

for tool in promtool haproxy node npm; do
  command -v "$tool" >/dev/null || { echo "check: $tool is missing (Debian: prometheus, haproxy, nodejs, npm)" >&2; exit 1; }
done

echo "== well formed, and in agreement"
# Once, and again when the lock file has changed.
[ deploy/prove/node_modules/.package-lock.json -nt deploy/prove/package-lock.json ] ||
  npm --prefix deploy/prove ci --ignore-scripts --no-audit --no-fund --silent
yamllint --strict --config-file deploy/.yamllint.yaml deploy docker-compose.yml
node deploy/prove/check.mjs

echo "== Helm and Kubernetes"
deploy/helm/check.sh

echo "== Prometheus"
promtool check config deploy/prometheus/prometheus.yml
promtool check rules deploy/prometheus/rules.yml
promtool test rules deploy/prometheus/rules.test.yml

echo "== HAProxy"
haproxy -c -f deploy/haproxy/haproxy.cfg

echo "== scripts"
for script in deploy/*.sh; do bash -n "$script"; done

echo "== compose"
if docker compose version >/dev/null 2>&1; then
  docker compose config --quiet
elif command -v docker-compose >/dev/null; then
  docker-compose config --quiet
else
  echo "not checked: compose is not installed"
fi
