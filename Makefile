PYTHON ?= python3

VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev

# Twice quiet: pip's errors only. Python compiles what it runs when it first runs it.
PIP := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-compile --no-deps
COMPILE := $(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 --upgrade \
	--generate-hashes --no-emit-index-url --custom-compile-command "make lock" pyproject.toml --group build

# One process of tests for each core; who is done takes over from who is not.
SPREAD := --numprocesses=auto --dist=worksteal

# What test-all adds to test (tests/conftest.py says which tests bear these marks).
ADDED := process or second_database

.DEFAULT_GOAL := help
.PHONY: help setup dev demo test test-all check format bench mutants soak pictures api lock clean

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(RUNTIME) ## build .venv; the command is then .venv/bin/conversions
	@echo "Ready: $(BIN)/conversions --help"

dev: $(DEV) ## build .venv with what tests and checks need

demo: $(RUNTIME) ## a month of a small shop: what three campaigns did, and why two users count as they do
	@$(BIN)/conversions demo

test: check ## check everything, and test all but what test-all adds
	@echo "Testing the domain: its own tests must reach every branch"
	@$(BIN)/python -m pytest $(SPREAD) tests/domain --cov=domain --cov-branch --cov-fail-under=100
	@echo "Testing everything else"
	@$(BIN)/python -m pytest $(SPREAD) tests --ignore=tests/domain -m "not ($(ADDED))"

test-all: export SPARK_TESTS := required
test-all: test ## the same, then pages in a browser, killed processes, clients, Spark, interfaces on PostgreSQL
	@echo "Testing pages in a browser, processes, clients, Spark, and interfaces on PostgreSQL"
	@$(BIN)/python -m pytest $(SPREAD) tests -m "$(ADDED)"

check: $(DEV) ## lint, format, types, imports between rooms
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(DEV) ## sort imports and format
	$(BIN)/ruff check --quiet --select I --fix
	$(BIN)/ruff format

bench: $(DEV) ## measure; SIZE=full for the large runs
	@$(BIN)/python -m benchmarks

mutants: $(DEV) ## change each rule of journeys a little and see that a test fails; about an hour on two cores
	@$(BIN)/mutmut run
	@$(BIN)/mutmut results

soak: $(DEV) ## simulate the test that decides over its full grid, about 5 minutes on two cores
	@$(BIN)/python -m benchmarks.soak

pictures: $(DEV) ## make the pictures of the documents again; those of the dashboard need Chromium
	@$(BIN)/python docs/pictures/make.py
	@$(BIN)/python docs/pictures/screens.py

api: $(RUNTIME) ## write docs/api.md anew
	@$(BIN)/python -m infrastructure.http.reference > docs/api.md

lock: $(BIN)/python ## pin the newest releases, with hashes, in requirements*.lock
	@$(PIP) uv
	$(COMPILE) --output-file requirements.lock
	$(COMPILE) --group dev --constraint requirements.lock --output-file requirements-dev.lock
	$(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 --upgrade --generate-hashes \
		--no-emit-index-url --custom-compile-command "make lock" benchmarks/peers.in --output-file benchmarks/peers.lock

clean: ## remove .venv, caches and what was built
	rm -rf $(VENV) .venv-peers mutants build dist .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; exit 1; }
	@echo "Making $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(RUNTIME): requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing what conversions needs (about 90 MB to download, once)"
	@$(PIP) --require-hashes --requirement requirements.lock
	@$(PIP) --no-build-isolation --editable .
	@touch $@

$(DEV): requirements-dev.lock $(RUNTIME)
	@echo "Installing what tests and checks need"
	@$(PIP) --require-hashes --requirement requirements-dev.lock
	@touch $@
