#!/usr/bin/env bash
# Writes what is made from other files of the repository. Run it after a change to the chart, the alerts, or the keys of
# the node's configuration; `check.sh` says when that was forgotten.
#
#   deploy/render.sh            writes helm/roomcast/values.schema.json (the keys of the configuration in it),
#                               helm/roomcast/files/rules.yml and kubernetes/roomcast.yaml
#   deploy/render.sh manifests  prints kubernetes/roomcast.yaml as it has to be
set -euo pipefail
cd "$(dirname "$0")"
PATH="$PWD/../target/tools/python/bin:$PATH"

manifests() {
  cat <<'END'
# Made by deploy/render.sh from the chart deploy/helm/roomcast with values.yaml beside this file; do not edit. It is
# for those who do not use Helm. What has to be there before is in deploy/README.md:
#
#   kubectl create secret generic roomcast \
#     --from-literal=redis-url=redis://:PASSWORD@redis:6379 --from-literal=admin-token="$(openssl rand -hex 32)"
#   kubectl apply -f deploy/kubernetes/roomcast.yaml
END
  # Helm is not there any more, so nothing says that it manages these.
  helm template roomcast helm/roomcast --values kubernetes/values.yaml |
    sed -e '/^# Source: /d' -e '/app.kubernetes.io\/managed-by: Helm/d' -e '/helm.sh\/chart: /d' -e 's/^  *$//'
}

case "${1:-}" in
  manifests) manifests ;;
  "")
    node prove/chart.mjs
    cp prometheus/rules.yml helm/roomcast/files/rules.yml
    manifests >kubernetes/roomcast.yaml.new
    mv kubernetes/roomcast.yaml.new kubernetes/roomcast.yaml
    ;;
  *) echo "render: $1 is no command; see the beginning of this file" >&2; exit 64 ;;
esac
