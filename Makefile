# Kafkascope. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
VENV := .venv
PX := $(VENV)/bin/px
PY := $(VENV)/bin/python
PATH_SOURCES := $(shell git ls-files 'crates/*' Cargo.toml Cargo.lock pyproject.toml 2>/dev/null)
WEB_SOURCES := $(shell git ls-files 'web/*' 2>/dev/null)

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: build/core build/web ## build everything into .venv, so that .venv/bin/px runs

build/setup: xtask/setup.sh
	@xtask/setup.sh build
	@mkdir -p build && touch $@

build/venv: requirements/dev.txt | build/setup
	@test -x $(PY) || python3 -m venv $(VENV)
	@echo "Python packages into $(VENV)"
	@$(VENV)/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

build/core: $(PATH_SOURCES) | build/venv
	@echo "Rust core (the first build takes a few minutes)"
	@rm -f python/kafkascope/_core*.so
	@env -u CONDA_PREFIX VIRTUAL_ENV=$(CURDIR)/$(VENV) PATH="$(CURDIR)/$(VENV)/bin:$$PATH" PIP_QUIET=1 $(VENV)/bin/maturin develop --release --locked -q
	@touch $@

build/web: $(WEB_SOURCES) | build/venv
	@echo "web page"
	@cd web && ../xtask/node.sh npm ci --prefix web --fetch-retries=5 --no-audit --no-fund --loglevel=error && ../xtask/node.sh npm run --silent --prefix web build
	@touch $@

.PHONY: demo
demo: build ## deploy the demo, start px up and print the URL; CHECK=1 walks the tutorial by script and exits
	@xtask/setup.sh demo
ifeq ($(CHECK),1)
	@$(PY) -m kafkascope.demo.check
else
	@$(PX) demo deploy px-kafka --host
	@$(PX) up --demo px-kafka
endif

.PHONY: test
test: build ## run every test that this machine allows, and say which were skipped and why
	@xtask/setup.sh test
	@xtask/test.sh

.PHONY: bench
bench: build ## run the benchmarks (ratios within one run)
	@xtask/bench.sh

.PHONY: matrix
matrix: build ## every client against real brokers, live, beside the brokers' request logs
	@xtask/setup.sh test
	@KAFKASCOPE_MATRIX=all $(VENV)/bin/pytest tests/matrix -s -rs

.PHONY: fuzz
fuzz: ## fuzz every target for SECONDS_EACH seconds (60)
	@xtask/fuzz.sh $(or $(SECONDS_EACH),60)

.PHONY: lint
lint: build ## formatting, lints and types
	@xtask/lint.sh

.PHONY: clean
clean: ## remove what was built
	@rm -rf build target .venv web/node_modules python/kafkascope/server/static python/kafkascope/_core*.so
