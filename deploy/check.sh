#!/usr/bin/env bash
# Checks every file under deploy/ without starting a container: well formed, accepted by the program that reads it,
# and in agreement with the others. Part of `make test`. Needs what `make setup` installs; a tool that is missing is a
# failure. Compose is asked only where it is installed.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/target/tools/python/bin:$PATH:/usr/sbin"

for tool in promtool haproxy nginx caddy envoy traefik helm yamllint kubernetes-validate systemd-analyze node npm; do
  command -v "$tool" >/dev/null || { echo "check: $tool is missing: \`make setup\` installs it on Debian" >&2; exit 1; }
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

echo "== HAProxy, nginx, Caddy, Envoy, Traefik"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
# Prints what a program says only where it does not take its file.
quietly() { "$@" >"$folder/said" 2>&1 || { cat "$folder/said" >&2; echo "check: failed: $*" >&2; exit 1; }; }
haproxy -c -f deploy/haproxy/haproxy.cfg
# Its log and its pid would be the machine's.
sed -e "s#/var/log/nginx#$folder#" -e "s#^http {#pid $folder/pid; http {#" deploy/nginx/nginx.conf >"$folder/nginx.conf"
quietly nginx -e stderr -t -q -c "$folder/nginx.conf"
XDG_DATA_HOME="$folder" XDG_CONFIG_HOME="$folder" quietly caddy adapt --validate --adapter caddyfile --config deploy/caddy/Caddyfile
cp deploy/caddy/Caddyfile "$folder/Caddyfile"
quietly caddy fmt --overwrite "$folder/Caddyfile"
cmp -s deploy/caddy/Caddyfile "$folder/Caddyfile" || { echo "check: deploy/caddy/Caddyfile is not as \`caddy fmt\` would have it" >&2; exit 1; }
quietly envoy --mode validate --log-level error -c deploy/envoy/envoy.yaml
# Traefik has no such command: node/e2e/tests/proxies.test.mjs runs it with these files.

echo "== systemd"
# The program need not be installed where this is checked.
sed 's#^ExecStart=[^ ]*#ExecStart=/bin/true#' deploy/systemd/roomcast.service >"$folder/roomcast.service"
systemd-analyze verify "$folder/roomcast.service" >"$folder/said" 2>&1 || true
[ ! -s "$folder/said" ] || { cat "$folder/said" >&2; exit 1; }
# A tenth of the exposure of a service that says nothing is 1.0; what opens the network keeps this one above it.
quietly systemd-analyze security --offline=true --threshold=15 "$folder/roomcast.service"

echo "== scripts"
for script in deploy/*.sh deploy/*/*.sh; do bash -n "$script"; done

echo "== compose"
if docker compose version >/dev/null 2>&1; then
  docker compose config --quiet
elif command -v docker-compose >/dev/null; then
  docker-compose config --quiet
else
  echo "not checked: compose is not installed"
fi
