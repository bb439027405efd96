# What one does with Comanda. `make` lists it.

SHELL := /bin/bash
.DEFAULT_GOAL := help

CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/comanda
DENY_VERSION := 0.20.2
DENY := $(or $(shell command -v cargo-deny 2>/dev/null),$(CACHE)/cargo-deny-$(DENY_VERSION)/bin/cargo-deny)
CONTRACT := crates/comanda/tests/schemathesis
SCHEMATHESIS_VERSION := $(shell sed -n 's/^schemathesis==//p' $(CONTRACT)/requirements.txt)
SCHEMATHESIS := $(CACHE)/schemathesis-$(SCHEMATHESIS_VERSION)/bin/schemathesis
# Servers and libraries of others that the tests meet; where the tests look for them.
PEERS := crates/comanda/tests/peers/requirements.txt
export COMANDA_PEERS := $(CACHE)/peers
# The published schemas of AsyncAPI documents.
ASYNCAPI := @asyncapi/specs@6.11.1
# What looks at and tries out what is deployed on AWS; each in a folder of its own, because they want
# different versions of the same libraries.
DEPLOY := deploy/tests
MINISTACK_VERSION := $(shell sed -n 's/^ministack\[full\]==//p' $(DEPLOY)/ministack.txt)
export MINISTACK := $(CACHE)/ministack-$(MINISTACK_VERSION)/bin/ministack
CHECKOV_VERSION := $(shell sed -n 's/^checkov==//p' $(DEPLOY)/checkov.txt)
export CHECKOV := $(CACHE)/checkov-$(CHECKOV_VERSION)/bin/checkov
ASL_VALIDATOR_VERSION := 4.0.0
export ASL_VALIDATOR := \
  $(CACHE)/asl-validator-$(ASL_VALIDATOR_VERSION)/node_modules/.bin/asl-validator
DEPLOY_PYTHON := $(CACHE)/deploy-tools/bin/python
# With the reason of whatever is skipped: without Terraform or its provider, that is part of this.
DEPLOY_PYTEST := PYTHONDONTWRITEBYTECODE=1 $(DEPLOY_PYTHON) -m pytest -q -rs -p no:cacheprovider
export COMANDA_LAMBDA_ZIP ?= $(abspath $(TARGET))/lambda/comanda-lambda.zip
# What `make bench` measures: all, http, rate, bulk, linear, restart, hot-sku …
BENCH ?= all

.PHONY: help
help: ## List what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## Build, then show everything once and serve it on http://127.0.0.1:8080
	$(CARGO) build --release --locked
	$(TARGET)/release/comanda demo

.PHONY: test
test: needs peers deploy-tools ## Install what the tests need, run all of them, documentation examples included
	$(CARGO) test --release --workspace --locked
	$(MAKE) contract-of-what-is-built
	$(MAKE) lambda-of-what-is-built
	$(MAKE) deploy-check deploy-test

# Seconds for each target of `make fuzz`; `make test` gives each half a second.
FUZZ_SECONDS ?= 60

.PHONY: fuzz
fuzz: ## Mutate inputs of every parser for a minute each (FUZZ_SECONDS)
	BOLERO_RANDOM_TEST_TIME_MS=$$(($(FUZZ_SECONDS) * 1000)) \
	$(CARGO) test --release --workspace --locked mutated

# Histories of `make simulate`; `make test` runs those before.
SEEDS ?= 2000..50000

.PHONY: simulate
simulate: ## Run many more simulated histories than `make test` (SEEDS=2000..50000)
	COMANDA_SEEDS=$(SEEDS) \
	$(CARGO) test --release --locked -p service --test simulation whatever -- --nocapture

.PHONY: contract
contract: ## Hold a running server against its own OpenAPI description
	$(CARGO) build --release --locked
	$(MAKE) contract-of-what-is-built

# The tests have built the program already, with features of their own: again would take minutes.
.PHONY: contract-of-what-is-built
contract-of-what-is-built: $(SCHEMATHESIS)
	$(CONTRACT)/run $(TARGET)/release/comanda $(SCHEMATHESIS)

# A folder of its own in the user's cache, for each version; nothing of the system is changed.
$(SCHEMATHESIS): $(CONTRACT)/requirements.txt
	python3 -m venv $(CACHE)/schemathesis-$(SCHEMATHESIS_VERSION)
	$(CACHE)/schemathesis-$(SCHEMATHESIS_VERSION)/bin/pip install --quiet --requirement $<
	touch $@

.PHONY: peers
peers: $(COMANDA_PEERS)/installed

$(COMANDA_PEERS)/installed: $(PEERS)
	rm -rf $(COMANDA_PEERS)
	python3 -m venv $(COMANDA_PEERS)
	$(COMANDA_PEERS)/bin/pip install --quiet --requirement $(PEERS)
	npm install --silent --no-audit --no-fund --ignore-scripts --prefix $(COMANDA_PEERS) $(ASYNCAPI)
	touch $@

.PHONY: ministack
ministack: $(MINISTACK)

$(MINISTACK): $(DEPLOY)/ministack.txt
	python3 -m venv $(CACHE)/ministack-$(MINISTACK_VERSION)
	$(CACHE)/ministack-$(MINISTACK_VERSION)/bin/pip install --quiet --requirement $<
	touch $@

$(CHECKOV): $(DEPLOY)/checkov.txt
	python3 -m venv $(CACHE)/checkov-$(CHECKOV_VERSION)
	$(CACHE)/checkov-$(CHECKOV_VERSION)/bin/pip install --quiet --requirement $<
	touch $@

$(ASL_VALIDATOR):
	npm install --silent --no-audit --no-fund --ignore-scripts \
	  --prefix $(CACHE)/asl-validator-$(ASL_VALIDATOR_VERSION) asl-validator@$(ASL_VALIDATOR_VERSION)

$(CACHE)/deploy-tools/installed: $(DEPLOY)/requirements.txt
	rm -rf $(CACHE)/deploy-tools
	python3 -m venv $(CACHE)/deploy-tools
	$(CACHE)/deploy-tools/bin/pip install --quiet --requirement $<
	touch $@

.PHONY: deploy-tools
deploy-tools: $(CACHE)/deploy-tools/installed $(CHECKOV) $(ASL_VALIDATOR) $(MINISTACK)

.PHONY: deploy-check
deploy-check: deploy-tools ## Look at what is deployed on AWS: templates, roles, state machine
	$(DEPLOY_PYTEST) $(DEPLOY) --ignore=$(DEPLOY)/test_whole.py --ignore=$(DEPLOY)/test_drift.py

.PHONY: lambda
lambda: ## Build the functions of AWS: one artifact, of which each is a role
	$(CARGO) build --release --locked -p aws --bin bootstrap
	$(MAKE) lambda-of-what-is-built

# The tests have built the functions already, like the program.
.PHONY: lambda-of-what-is-built
lambda-of-what-is-built:
	python3 deploy/lambda.py $(TARGET)/release/bootstrap $(COMANDA_LAMBDA_ZIP)

# The functions are those that `make lambda` made.
.PHONY: deploy-test
deploy-test: deploy-tools ## Deploy the functions to an emulator, by template and Terraform, and use them
	$(DEPLOY_PYTEST) $(DEPLOY)/test_whole.py $(DEPLOY)/test_drift.py

.PHONY: aws-cost
aws-cost: deploy-tools ## Count what AWS would bill for a million orders of each channel
	PYTHONDONTWRITEBYTECODE=1 $(DEPLOY_PYTHON) $(DEPLOY)/cost.py

# The bench's peer is PostgreSQL 15; its tests run a real one.
.PHONY: needs
needs:
	@if [ -z "$$PG_BIN" ] && [ ! -x /usr/lib/postgresql/15/bin/initdb ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && apt-get install -y -qq postgresql-15; \
	  else \
	    echo "The tests need PostgreSQL 15: apt-get install postgresql-15, or set PG_BIN" >&2; exit 1; \
	  fi; \
	fi

.PHONY: check fmt clippy doc deny
check: fmt clippy doc deny ## Look at format, lints, documentation and dependencies

fmt:
	$(CARGO) fmt --all --check

clippy:
	$(CARGO) clippy --release --workspace --all-targets --locked -- -D warnings

doc:
	RUSTDOCFLAGS=-Dwarnings $(CARGO) doc --release --workspace --no-deps --locked

# Offline, once everything is here: the advisory database needs the network (see deny.toml).
deny: $(DENY)
	$(CARGO) fetch --locked --quiet
	$(DENY) --offline --locked check --hide-inclusion-graph licenses bans sources

# Once for each version, about a minute of CPU: unoptimised, it still checks within two seconds.
$(CACHE)/cargo-deny-$(DENY_VERSION)/bin/cargo-deny:
	CARGO_TARGET_DIR=$(CACHE)/cargo-deny-$(DENY_VERSION)/build \
	CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off \
	CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=false \
	$(CARGO) install cargo-deny --locked --version $(DENY_VERSION) \
	  --root $(CACHE)/cargo-deny-$(DENY_VERSION)
	rm -rf $(CACHE)/cargo-deny-$(DENY_VERSION)/build

.PHONY: bench
bench: needs dist ## Measure this machine: Comanda as deployed, its ceiling, PostgreSQL
	$(CARGO) build --profile dist --locked -p bench
	$(TARGET)/dist/bench $(BENCH) --comanda $(TARGET)/dist/comanda

.PHONY: dist
dist: ## Build the program to deploy (slow: optimised across crates)
	$(CARGO) build --profile dist --locked -p comanda
	@ls -l $(TARGET)/dist/comanda

.PHONY: clean-demo
clean-demo: ## Remove the demo's store; nothing that a demo did not make
	@if [ -e data/demo/MADE-BY-COMANDA-DEMO ]; then rm -rf data/demo; fi
