# Everything a person or a pipeline runs. `make help` lists it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements/dev.lock
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip --disable-pip-version-check
UV := $(BIN)/uv
# Versions and hashes for every platform and Python we support, and no address to fetch them from.
RESOLVE := $(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -q

# Most tests wait more than they compute. Those of faults run workers at full load, and fewer at once.
SIDE_BY_SIDE = $(BIN)/python -m pytest -n 3 --dist worksteal --ignore tests/faults
FAULTS_SIDE_BY_SIDE = $(BIN)/python -m pytest -n 2 --dist worksteal tests/faults

# As pip does: the authorities that this machine trusts, and time for a slow line.
export UV_SYSTEM_CERTS ?= true
export UV_HTTP_TIMEOUT ?= 180

# What may not keep what it compiled compiles it at each start, and tests start hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help up venv test test-faults test-upgrade soak bench lint format lock package clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: venv ## run the whole system here: Kafka, PostgreSQL, workers, sample conversations
	@$(BIN)/chatlog up $(ARGS)

venv: $(READY) ## make the environment from the lock file

$(READY): $(LOCK) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "chatlog needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@# pip fetches uv, which fetches the rest side by side; or pip does, where a mirror is known to pip alone.
	@sed -n '/^uv==/,/[^\\]$$/p' $(LOCK) > $(VENV)/uv.lock
	@$(PIP) install -q --require-hashes --no-deps -r $(VENV)/uv.lock
	@$(UV) pip install --python $(VENV) --require-hashes --no-deps -r $(LOCK) || \
		$(PIP) install -q --require-hashes --no-deps -r $(LOCK)
	@$(UV) pip install --python $(VENV) --no-deps --no-build-isolation -q -e .
	@touch $@

test: venv ## run all tests, or some: ARGS="tests/models -k name"
	@$(if $(ARGS),$(BIN)/python -m pytest $(ARGS),$(SIDE_BY_SIDE) && $(FAULTS_SIDE_BY_SIDE))

test-faults: venv ## break everything that can break, and account for every message (20 minutes)
	@rm -f build/faults.json
	@$(BIN)/python -m pytest tests/faults -m "long or not long" $(ARGS); status=$$?; \
		$(BIN)/python -m tests.faults.report && exit $$status

test-upgrade: venv ## after `make lock`: does what was read of Faust, mode and aiokafka still stand?
	@$(BIN)/python -m pytest tests/stream -m upgrade $(ARGS)

MINUTES ?= 30
soak: venv ## random faults under load for MINUTES=30 (ARGS="--seed N" for the same ones again)
	@$(BIN)/python -m tests.soak --minutes $(MINUTES) $(ARGS)

bench: venv ## measure against the baselines (QUICK=1: about 6 minutes; ARGS="--only persist" for a part)
	@$(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(ARGS)

lint: venv ## check style, types and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: venv ## format the code and mend what can be mended
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: venv ## resolve the dependencies anew into requirements/
	@$(RESOLVE) pyproject.toml --extra dev -o requirements/dev.lock --upgrade
	@$(RESOLVE) pyproject.toml -c requirements/dev.lock -o requirements/runtime.lock
	@echo 'hatchling>=1.29,<2' | $(RESOLVE) - -c requirements/dev.lock -o requirements/build.lock
	@echo "If Faust, mode or aiokafka changed: docs/faust.md, and make test-upgrade"

package: venv ## build the wheel, and run the system from it, first with nothing but what the image holds
	@rm -rf build dist
	@$(UV) build -q --python $(BIN)/python --wheel --build-constraints requirements/build.lock --require-hashes
	@$(UV) venv -q --python $(BIN)/python build/image
	@$(UV) pip install -q --python build/image --require-hashes --no-deps -r requirements/runtime.lock
	@$(UV) pip install -q --python build/image --no-deps --no-index dist/*.whl
	@cd build && image/bin/chatlog --version && image/bin/python -c 'import app.worker, app.commands, app.site, migrations'
	@$(UV) pip install -q --python build/image -c $(LOCK) "chatlog[embedded] @ $$(echo dist/*.whl)"
	@cd build && image/bin/chatlog up --once --data data
	@# What programs log their assistants by is a wheel of its own.
	@$(UV) build -q --python $(BIN)/python --wheel --build-constraints requirements/build.lock --require-hashes -o build/client client
	@$(UV) venv -q --python $(BIN)/python build/program
	@$(UV) pip install -q --python build/program -c $(LOCK) build/client/*.whl
	@cd build && program/bin/python -c 'import chatlog_client'
	@rm -rf build

clean: ## remove the environment and caches
	@rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache benchmarks/out
