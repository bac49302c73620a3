# The front door: `make` lists what there is. Nothing needs to be installed by hand but
# Python (3.11 to 3.14) and make. Works with GNU make 3.81, which macOS has.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCK := requirements.lock
COMPILE := $(BIN)/uv pip compile --quiet --generate-hashes --universal --extra dev \
	--python-version 3.11 --custom-compile-command "make lock" pyproject.toml
# Only wheels: a package that would have to be compiled here is not supported here.
PIP := --no-deps --require-hashes --only-binary :all:

# Every package of the lock has wheels for these.
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c '$(FITS)' >/dev/null 2>&1 && echo $$p && break; done)
UV := $(shell command -v uv 2>/dev/null)

# Tests run in parallel, a file at a time in each worker, which shares what its fixtures start.
# One more than there are processors is quicker by a fifth, and a busy machine breaks bounds of time.
WORKERS ?= logical
PARALLEL := -n $(WORKERS) --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format types contracts schema lock lock-check check \
	migration initial-migration clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Make .venv from requirements.lock (PYTHON=python3.12 chooses the Python)

$(READY): $(LOCK) pyproject.toml
	@test -n "$(PYTHON)" && "$(PYTHON)" -c '$(FITS)' || { \
		echo "gerbench needs Python 3.11 to 3.14 ('$(PYTHON)' is not)."; \
		echo "Install one, or name it: make setup PYTHON=/path/to/python3.12"; exit 1; }
	@echo "Setting up $(VENV) with $$("$(PYTHON)" --version): once, a minute or two"
ifneq ($(UV),)
	@test -x $(BIN)/python || "$(UV)" venv --quiet --allow-existing --python "$(PYTHON)" $(VENV)
	@"$(UV)" pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes --only-binary :all: $(LOCK)
	@"$(UV)" pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
else
	@test -x $(BIN)/pip || "$(PYTHON)" -m venv $(VENV)
	@$(BIN)/pip install --quiet --quiet --disable-pip-version-check $(PIP) -r $(LOCK)
	@$(BIN)/pip install --quiet --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
endif
	@touch $(READY)

demo: setup ## See a real model evaluated on real images
	@$(BIN)/gerbench demo

test: setup ## Run every test (ARGS="-k name" chooses; servers are found or started)
	$(BIN)/pytest $(PARALLEL) $(ARGS)

lint: setup ## Check format and style
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

format: setup ## Format, and repair what can be
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: setup ## Check types
	$(BIN)/mypy

contracts: setup ## Check who may import whom
	$(BIN)/lint-imports

schema: setup ## Check that migrations and tables agree, on both databases
	$(BIN)/python -m tests.on_both "alembic upgrade head" "alembic check" "alembic downgrade base"

lock: setup ## Resolve anew what pyproject.toml asks for; UPGRADE=--upgrade takes newer versions
	$(COMPILE) $(UPGRADE) -o $(LOCK)

lock-check: setup ## Check that requirements.lock is what pyproject.toml asks for
	@cp $(LOCK) $(VENV)/compiled.lock
	@$(COMPILE) -o $(VENV)/compiled.lock
	@# A release may gain files, so hashes are compared by pip, when it installs.
	@grep -v -e '^ *#' -e --hash $(LOCK) > $(VENV)/have.txt
	@grep -v -e '^ *#' -e --hash $(VENV)/compiled.lock > $(VENV)/want.txt
	@diff $(VENV)/have.txt $(VENV)/want.txt || { echo "$(LOCK) is not current: make lock"; exit 1; }
	@! grep -n -i -e '://' -e '--.*index' -e '--find-links' $(LOCK) || { \
		echo "$(LOCK) names an address"; exit 1; }
	@echo "$(LOCK) is current"

check: lint types contracts schema lock-check ## Run every check but the tests

migration: setup ## Write the next revision: make migration m="What changes"
	@test -n "$(m)" || { echo 'Say what changes: make migration m="Runs have tags"'; exit 1; }
	$(BIN)/python -m migrations "$(m)"
	@$(BIN)/ruff check --quiet --fix migrations && $(BIN)/ruff format --quiet migrations

initial-migration: setup ## Write revision 0001 anew; only until the first release
	$(BIN)/python -m migrations --initial
	@$(BIN)/ruff check --quiet --fix migrations && $(BIN)/ruff format --quiet migrations

clean: ## Remove .venv and every cache
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
