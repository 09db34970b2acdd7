# Everything that is done with this project, by name. CI runs what stands here and nothing else.

CARGO ?= cargo
# Where .ci/setup puts what Debian has in no version new enough.
export PATH := $(CURDIR)/target/tools/node_modules/node/bin:$(CURDIR)/target/tools/python/bin:$(PATH)
NEXTEST_PROFILE ?= default

.PHONY: help run test setup build unit live e2e deploy-check lint cluster compose bench bench-build microbench

help: ## what there is to make
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

run: ## one node on port 3000, nothing but Rust needed
	$(CARGO) run --locked -p roomcast-node --bin roomcast

test: setup build ## all tests: sets up what they need (Debian), then runs them
	$(CARGO) nextest run --locked --workspace --all-features --profile $(NEXTEST_PROFILE)
	$(CARGO) test --locked --workspace --all-features --doc --quiet
	node/e2e/run.sh
	deploy/check.sh

setup: ## install what tests need and this machine lacks (Debian, as root)
	.ci/setup

build: # the node, and those that the end-to-end tests compare with NestJS and ask about the cluster
	$(CARGO) build --locked -p roomcast-node --bin roomcast --example kinds --example operations

unit: ## tests that need nothing but Cargo
	$(CARGO) nextest run --locked --workspace
	$(CARGO) test --locked --workspace --doc --quiet

live: ## tests against redis-servers that they start themselves
	$(CARGO) nextest run --locked -p roomcast-adapter -p roomcast-node --all-features -E 'binary(/^live_/)'

e2e: build ## the official JavaScript and Python clients against a real cluster, beside NestJS
	node/e2e/run.sh

deploy-check: ## configuration files under deploy/
	deploy/check.sh

lint: ## formatting, lints, documentation, licences, spelling
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps --all-features --quiet
	$(CARGO) check --locked --quiet --manifest-path adapter/fuzz/Cargo.toml
	$(CARGO) deny --all-features --locked --config .deny.toml check licenses bans sources
	typos --config .typos.toml

bench: setup bench-build ## the load of docs/performance.md on Node.js, NestJS, socketioxide and this, side by side
	mkdir -p target/bench
	target/release/roomcast-loadtest compare --json target/bench/report.json --html target/bench/report.html \
		--markdown target/bench/table.md

microbench: ## the encoders, the decoders, the room index and the way to a handler by themselves
	$(CARGO) bench --locked -p roomcast-adapter --features test-util --bench hot_path
	$(CARGO) bench --locked -p roomcast-gateway --features test-util --bench dispatch

bench-build:
	$(CARGO) build --locked --release -p roomcast-node -p roomcast-loadtest --bin roomcast --bin roomcast-loadtest
	CARGO_TARGET_DIR=target/peers $(CARGO) build --locked --release --manifest-path loadtest/peers/socketioxide/Cargo.toml
	npm ci --silent --no-audit --no-fund --prefix loadtest/peers/node
	npm ci --silent --no-audit --no-fund --prefix loadtest/peers/nest
	npm run --silent --prefix loadtest/peers/nest build

cluster: ## three nodes with Redis and the rest, in containers
	docker compose up --build || docker-compose up --build

compose: ## prove the containers: scale, kill, stop Redis, roll
	deploy/prove-compose.sh
