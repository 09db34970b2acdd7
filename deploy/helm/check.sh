#!/usr/bin/env bash
# Checks the chart: Helm takes it, what it makes is what Kubernetes and the Prometheus Operator know, mistakes in
# values are refused by name, and what is made from it elsewhere is up to date. `deploy/check.sh` runs it.
set -euo pipefail
cd "$(dirname "$0")"
PATH="$PWD/../../target/tools/python/bin:$PATH"

for tool in helm kubernetes-validate yamllint node; do
  command -v "$tool" >/dev/null || { echo "helm/check: $tool is missing: \`make setup\` installs it" >&2; exit 1; }
done
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
fail() { echo "helm/check: $*" >&2; exit 1; }

for values in "" values/*.yaml; do
  name="$(basename "${values:-default}" .yaml)"
  arguments=(roomcast ${values:+--values "$values"})
  helm lint --strict --quiet "${arguments[@]}" || fail "helm lint does not take $name"
  helm template roomcast "${arguments[@]}" >"$folder/$name.yaml"
  yamllint --strict --config-file ../.yamllint.yaml "$folder/$name.yaml"
  kubernetes-validate --strict --quiet --no-warn --kubernetes-version 1.37.0 "$folder/$name.yaml"
done
node ../prove/crds.mjs "$folder"/*.yaml

# What a rendered chart must have, beyond being well formed.
expect() { grep -qE -- "$2" "$folder/$1.yaml" || fail "$1: there is no $2"; }
expect default 'terminationGracePeriodSeconds: 75$'
expect full 'terminationGracePeriodSeconds: 165$'
expect small 'terminationGracePeriodSeconds: 90$'
expect default 'enableServiceLinks: false'
expect default 'sessionAffinity: None'
expect full 'value: "2000000"'
expect full 'session-cookie-name: roomcast-node'
expect small 'service.sticky.cookie: "true"'
expect full 'runbook_url: https://runbooks.example.com/roomcast/NodeDown.md'
grep -q 'REDIS__URL$' "$folder/small.yaml" "$folder/full.yaml" && fail 'a URL of Redis is there that nobody has set'
grep -q '^  replicas:' "$folder/full.yaml" && fail 'the number of replicas is set beside an autoscaler'

# Every way to write a drain's deadline.
for pair in 45s=60 1m30s=105 1h1m=3675 1500ms=17 1m1ms=76; do
  # Read to the end: a program that writes to nobody fails.
  helm template roomcast roomcast --set "config.drain.deadline=${pair%=*}" | grep "terminationGracePeriodSeconds: ${pair#*=}$" >/dev/null ||
    fail "a drain of ${pair%=*} is not given ${pair#*=} s"
done

# Mistakes, and a part of what must be said about each.
refused() {
  local told="$1"
  shift
  if helm template roomcast roomcast "$@" >/dev/null 2>"$folder/error"; then fail "nothing is said about $*"; fi
  grep -qF -- "$told" "$folder/error" || fail "$* is not told as '$told' but: $(cat "$folder/error")"
}
refused replica --set replica=5
refused deadlin --set config.drain.deadlin=10s
refused deadline --set config.drain.deadline=60
refused password --set config.redis.password=secret
refused '/config/redis/url' --set config.redis.url=redis://:secret@redis:6379
refused "additional properties 'secret' not allowed" --set config.jwt.secret=secret
refused '/config/log/level' --set config.log.level=loud
refused '/image/digest' --set image.digest=latest
refused '/service/port' --set service.port=99999
refused '/probes/readiness' --set probes.readiness=yes
refused 'terminationGracePeriodSeconds is 30' --set terminationGracePeriodSeconds=30
refused 'more than one node needs a Redis' --set config.redis.url=null
refused 'ingress.enabled needs ingress.hosts' --set ingress.enabled=true
refused 'maxReplicas is less' --set autoscaling.enabled=true --set autoscaling.maxReplicas=1

cmp -s ../prometheus/rules.yml roomcast/files/rules.yml || fail 'files/rules.yml is not prometheus/rules.yml: run deploy/render.sh'
../render.sh manifests | cmp -s - ../kubernetes/roomcast.yaml || fail 'kubernetes/roomcast.yaml is not up to date: run deploy/render.sh'
yamllint --strict --config-file ../.yamllint.yaml ../kubernetes
kubernetes-validate --strict --quiet --kubernetes-version 1.37.0 ../kubernetes/roomcast.yaml
echo "the chart is taken by $(helm version --short), and its objects by Kubernetes 1.37"
