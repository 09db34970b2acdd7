#!/bin/sh
# Runs the end-to-end tests: installs what they need from npm and PyPI, looks for the programs they start, and gives them
# less than twenty minutes. Arguments are test files; without any, all run.
#
#   ROOMCAST_BIN          the binary under test; target/debug/roomcast where it is not set
#   ROOMCAST_OPERATIONS   the node of node/examples/operations.rs; examples/operations beside the binary where it is not set
#   CHROMIUM              the browser; /usr/bin/chromium where it is not set
#   E2E_SCREENSHOTS       a folder for pictures of the demo page, if they are wanted
set -eu

cd "$(dirname "$0")"
PATH="$PATH:/usr/local/sbin:/usr/sbin"

need() {
  command -v "$1" >/dev/null || { echo "the end-to-end tests need $1 (Debian: apt-get install $2)" >&2; exit 1; }
}
need node nodejs
need npm npm
need redis-server redis-server
need haproxy haproxy
need nginx nginx-light
need caddy caddy
need openssl openssl
need python3 python3
need "${CHROMIUM:-/usr/bin/chromium}" chromium

case "$(node --version)" in
  v1?.* | v20.[0-9].* | v20.10.*) echo "the end-to-end tests need Node.js 20.11 or newer, this is $(node --version)" >&2; exit 1 ;;
esac

ROOMCAST_BIN="${ROOMCAST_BIN:-../../target/debug/roomcast}"
if [ ! -x "$ROOMCAST_BIN" ]; then
  echo "there is no $ROOMCAST_BIN: build it with \`make build\`, or name another binary in ROOMCAST_BIN" >&2
  exit 1
fi
ROOMCAST_BIN="$(cd "$(dirname "$ROOMCAST_BIN")" && pwd)/$(basename "$ROOMCAST_BIN")"
export ROOMCAST_BIN
if [ ! -x "$(dirname "$ROOMCAST_BIN")/examples/kinds" ]; then
  echo "there is no $(dirname "$ROOMCAST_BIN")/examples/kinds: build it with \`make build\`" >&2
  exit 1
fi
ROOMCAST_OPERATIONS="${ROOMCAST_OPERATIONS:-$(dirname "$ROOMCAST_BIN")/examples/operations}"
if [ ! -x "$ROOMCAST_OPERATIONS" ]; then
  echo "there is no $ROOMCAST_OPERATIONS: build it with \`make build\`, or name another binary in ROOMCAST_OPERATIONS" >&2
  exit 1
fi
ROOMCAST_OPERATIONS="$(cd "$(dirname "$ROOMCAST_OPERATIONS")" && pwd)/$(basename "$ROOMCAST_OPERATIONS")"
export ROOMCAST_OPERATIONS

# npm keeps a copy of the lock file among the packages: it is as old as they are.
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  npm ci --ignore-scripts --no-audit --no-fund
fi

# The same for Python, with a file that is as old as the packages.
python="$(cd ../.. && pwd)/target/tools/python-e2e"
if [ ! -e "$python/installed" ] || [ python/requirements.txt -nt "$python/installed" ]; then
  python3 -m venv --clear "$python" || { echo "the end-to-end tests need Python's venv (Debian: apt-get install python3-venv)" >&2; exit 1; }
  "$python/bin/pip" install --quiet --disable-pip-version-check --requirement python/requirements.txt
  touch "$python/installed"
fi
export E2E_PYTHON="$python/bin/python"

if [ $# -eq 0 ]; then set -- tests/*.test.mjs; fi

# Two files at a time is what two cores carry: each has three nodes, Redis and HAProxy of its own.
exec timeout --kill-after=10 1200 node --test --test-concurrency=2 --test-timeout=240000 --test-reporter=spec "$@"
