# `make` alone lists what there is. Everything runs in .venv, which `make install` makes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Where the tests' own Keystone is installed.
KEYSTONE_VENV := build/keystone-venv
# What to hand to pytest beside the defaults, as in: make test TESTS="tests/unit -k status"
TESTS ?=

.DEFAULT_GOAL := help
.PHONY: help install install-keystone install-ansible test-keystone run lab test faults schemathesis lint format bench load docs clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do \
		printf '  make %-16s %s\n' "$$name" "$$text"; done

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "dcapi needs Python 3.11 or newer: make PYTHON=/path/to/python3 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt requirements-dev.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(VENV)/.installed-postgres: requirements.txt requirements-postgres.txt | $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-postgres.txt
	@touch $@

$(VENV)/.installed-keystone: requirements.txt requirements-keystone.txt | $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-keystone.txt
	@touch $@

$(VENV)/.installed-ansible: requirements.txt requirements-ansible.txt | $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-ansible.txt
	@touch $@

$(KEYSTONE_VENV)/.installed: tests/keystone/requirements.txt | $(VENV)/bin/python
	$(PYTHON) -m venv --clear $(KEYSTONE_VENV)
	$(KEYSTONE_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/keystone/requirements.txt
	@touch $@

install: $(VENV)/.installed $(if $(DCAPI_TEST_POSTGRES_URL),$(VENV)/.installed-postgres) ## make .venv, again when a requirements file changed

install-keystone: install $(VENV)/.installed-keystone ## what it takes for DCAPI_AUTH_STRATEGY=keystone

install-ansible: install $(VENV)/.installed-ansible ## what it takes for DCAPI_DEPLOYER=ansible, and for its tests

run: install ## serve one site at 127.0.0.1:8119, its data in instance/ (DCAPI_* changes that)
	exec $(BIN)/gunicorn -c config/gunicorn.conf.py wsgi:app

lab: install ## two sites on this machine go through the scenarios; KEEP=1 leaves them running
	exec $(BIN)/python -m dcapi.lab $(if $(KEEP),--keep)

test: install ## the whole test suite in parallel; with DCAPI_TEST_POSTGRES_URL also on PostgreSQL
	exec $(BIN)/python -m pytest -n auto --dist loadgroup $(TESTS)

test-keystone: install-keystone $(KEYSTONE_VENV)/.installed ## the tests that start a real Keystone, installed once in build/
	DCAPI_TEST_KEYSTONE_VENV=$(KEYSTONE_VENV) exec $(BIN)/python -m pytest tests/keystone $(TESTS)

# Faults: how many runs, the seed of the first one (random when not given), on which database, and which
# defect is planted, to be found: revision, lease or leader.
RUNS ?= 200
SEED ?=
DATABASE ?= sqlite
PLANT ?=

faults: install ## random operations and faults on two sites: make faults RUNS=200 SEED=1 DATABASE=postgresql
	exec $(BIN)/python -m tests.faults --runs $(RUNS) --database $(DATABASE) \
		$(if $(SEED),--seed $(SEED)) $(if $(PLANT),--plant $(PLANT))

# Requests made out of the description of the API: at least how many for each seed, and the seed (1 and a
# random one when not given).
REQUESTS ?= 5000

schemathesis: install ## requests out of the API's description: make schemathesis REQUESTS=5000 SEED=1
	exec $(BIN)/python -m tests.conformance --requests $(REQUESTS) --database $(DATABASE) $(if $(SEED),--seed $(SEED))

lint: install ## ruff, mypy, and the floors by import-linter
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install ## let ruff put imports and layout in order
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: install ## measure lists and member updates against their limits
	exec $(BIN)/python -m tests.bench

load: install ## a busy site on PostgreSQL against its limits; SECONDS=15 for a short one
	exec $(BIN)/python -m tests.load $(if $(SECONDS),--seconds $(SECONDS))

docs: install ## write the generated parts of docs/ anew
	$(BIN)/python -m docs.generate

clean: ## remove .venv and caches; data in instance/ stays
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
