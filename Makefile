# `make` alone lists what there is. Everything runs in .venv, which `make install` makes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Where the tests' own Keystone is installed.
KEYSTONE_VENV := build/keystone-venv
# Whatever was not locked with its hash is refused.
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check --require-hashes
# What to hand to pytest beside the defaults, as in: make test TESTS="tests/unit -k status"
TESTS ?=

.DEFAULT_GOAL := help
.PHONY: help install install-keystone install-ansible test-keystone run lab test test-restarts test-trouble original faults schemathesis lint format bench load docs lock sbom clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do \
		printf '  make %-16s %s\n' "$$name" "$$text"; done

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "dcapi needs Python 3.11 or newer: make PYTHON=/path/to/python3 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements-dev.lock | $(VENV)/bin/python
	$(BIN)/python $(PIP_INSTALL) -r requirements-dev.lock
	@touch $@

$(VENV)/.installed-postgres: requirements-postgres.lock | $(VENV)/.installed
	$(BIN)/python $(PIP_INSTALL) -r requirements-postgres.lock
	@touch $@

$(VENV)/.installed-keystone: requirements-keystone.lock | $(VENV)/.installed
	$(BIN)/python $(PIP_INSTALL) -r requirements-keystone.lock
	@touch $@

$(VENV)/.installed-ansible: requirements-ansible.lock | $(VENV)/.installed
	$(BIN)/python $(PIP_INSTALL) -r requirements-ansible.lock
	@touch $@

$(KEYSTONE_VENV)/.installed: tests/keystone/requirements.lock | $(VENV)/bin/python
	$(PYTHON) -m venv --clear $(KEYSTONE_VENV)
	$(KEYSTONE_VENV)/bin/python $(PIP_INSTALL) -r tests/keystone/requirements.lock
	@touch $@

install: $(VENV)/.installed $(if $(DCAPI_TEST_POSTGRES_URL),$(VENV)/.installed-postgres) ## make .venv, again when a lock file changed

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

test-restarts: install ## the tests whose clients count seconds, after a kill and in a flood, with nothing beside them
	DCAPI_TEST_ALONE=1 exec $(BIN)/python -m pytest tests/e2e/test_killed_sites.py tests/e2e/test_login_floods.py $(TESTS)

test-trouble: install ## sites whose machine is in trouble (clients, disks, databases, clocks), with nothing beside them
	DCAPI_TEST_ALONE=1 exec $(BIN)/python -m pytest tests/trouble $(TESTS)

# More processes than cores: they mostly wait.
original: install ## takeovers beside a stand-in of the original, with nothing beside them; CI=1: what CI plays of them
	DCAPI_TEST_ALONE=1 exec $(BIN)/python -m pytest tests/original -n 4 --dist loadgroup \
		$(if $(CI),-m "not whole") $(TESTS)

# Faults: how many runs, how many of them side by side, the seed of the first one (random when not given), on
# which database, what the other site runs (this project when not given, or original: a stand-in of the original),
# which defect is planted, to be found (revision, lease, leader, managed or copy; with an original: began, own or
# heard), and how many times longer all waits than on a machine with nothing else to do.
RUNS ?= 200
JOBS ?= 1
SEED ?=
DATABASE ?= sqlite
PEER ?=
PLANT ?=
PACE ?= 1

faults: install ## random operations and faults on two sites: make faults RUNS=200 JOBS=4 SEED=1 DATABASE=postgresql
	FAULTS_PACE=$(PACE) exec $(BIN)/python -m tests.faults --runs $(RUNS) --jobs $(JOBS) --database $(DATABASE) \
		$(if $(SEED),--seed $(SEED)) $(if $(PEER),--peer $(PEER)) $(if $(PLANT),--plant $(PLANT))

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

bench: install ## measure lists, creations and member updates against their limits
	exec $(BIN)/python -m tests.bench

load: install ## a busy site against its limits, with slow clients and an outage: make load SECONDS=15 DATABASE=postgresql
	exec $(BIN)/python -m tests.load --database $(DATABASE) $(if $(SECONDS),--seconds $(SECONDS))

docs: install ## write the generated parts of docs/ anew
	$(BIN)/python -m docs.generate

# In this order: what is installed into one environment has one version in all its lock files.
LOCKED := requirements requirements-dev requirements-postgres requirements-keystone requirements-ansible
# What stands in a lock file already keeps its version, unless UPGRADE=1 is given. Nothing of this machine's
# configuration counts, and nothing of it is written down.
COMPILE := $(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

lock: $(VENV)/bin/python ## write the lock files of all requirements files; UPGRADE=1: with the newest versions below them
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check $$(grep '^uv==' requirements-dev.txt)
	@set -e; constraints=; for name in $(LOCKED); do \
		echo "$$name.lock"; $(COMPILE) $$name.txt $$constraints -o $$name.lock; \
		constraints="$$constraints -c $$name.lock"; done
	@echo tests/keystone/requirements.lock; $(COMPILE) tests/keystone/requirements.txt -o tests/keystone/requirements.lock

sbom: install ## write what a site is made of to build/sbom.json, as a CycloneDX list
	$(BIN)/python -m docs.sbom build/sbom.json

clean: ## remove .venv and caches; data in instance/ stays
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
