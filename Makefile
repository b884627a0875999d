# Every target works alone from a fresh clone: it makes .venv and installs what it needs first.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo docs test faults live-matrix browser api-fuzz serve-soak golden check release-check fmt bench venv

PYTHON ?= python3
export PYTHON
# Tests start sshprobe hundreds of times. Without cached bytecode each start takes twice the CPU.
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin
# Words for pytest, e.g. `make test ARGS="tests/wire -x"`.
ARGS ?=
# Test processes: two more than the cores, as many tests wait for a server. `make test JOBS=0` runs all in one process.
JOBS ?= $(shell expr $$(nproc 2>/dev/null || echo 2) + 2)

help: ## Show this
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 20

demo: ## Start a mixed fleet of real SSH servers on loopback, scan and grade it; see demo-output/
	@scripts/venv report
	@$(BIN)/sshprobe demo --output demo-output

test: ## Run the tests, with the real servers installed first where that is possible
	@scripts/venv test
	@scripts/install-servers
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup $(ARGS)

faults: ## Fail or kill a scan, a resume and a grade at every call that touches a file; takes some minutes
	@scripts/venv test
	SSHPROBE_ALL_FAULTS=1 $(BIN)/python -m pytest -s tests/faults $(ARGS)

live-matrix: ## Apply what --fix prints for every bad configuration on every server, and lose networks; takes most of an hour
	@scripts/venv test
	@scripts/install-servers
	SSHPROBE_LIVE_MATRIX=1 $(BIN)/python -m pytest tests/live/test_fixing.py tests/live/test_fixing_dropbear.py tests/network $(ARGS)

browser: ## Look at every page of report and dashboard in Chromium, light and dark, wide and narrow; takes a minute
	@scripts/venv test
	@scripts/install-servers
	SSHPROBE_ALL_VIEWS=1 $(BIN)/python -m pytest tests/render/formats/html tests/serve/pages $(ARGS)

api-fuzz: ## Send thousands of generated requests to the API; takes some minutes
	@scripts/venv test
	SSHPROBE_API_EXAMPLES=500 $(BIN)/python -m pytest tests/serve/api/test_fuzzing.py $(ARGS)

serve-soak: ## Let a real Prometheus read probes and scheduled scans for ten minutes
	@scripts/venv test
	@scripts/install-servers
	SSHPROBE_SERVE_SOAK=1 $(BIN)/python -m pytest tests/serve/exporter/test_ten_minutes.py $(ARGS)

golden: ## Keep the records of fixed servers as they are now (tests/golden); the masked records are in build/golden
	@scripts/venv test
	@rm -rf build/golden && mkdir -p build/golden
	SSHPROBE_GOLDEN=$(CURDIR)/build/golden $(BIN)/python -m pytest -q tests/golden tests/hostile/test_hostile.py -k "golden or kept_ones"
	$(BIN)/python -m tests.golden.fence build/golden

check: ## Lint, formatting, types, the one-way street, the profiles, and what is generated: schema, pages, scores
	@scripts/venv test check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sshprobe profiles check profiles/*.toml
	@if [ -x scripts/schema ]; then echo scripts/schema --check; PATH="$(CURDIR)/$(BIN):$$PATH" scripts/schema --check; fi
	PATH="$(CURDIR)/$(BIN):$$PATH" scripts/findings --check
	PATH="$(CURDIR)/$(BIN):$$PATH" scripts/reference --check
	@echo scripts/scores --check; $(BIN)/python scripts/scores --check
	$(BIN)/python scripts/wire_states --check
	$(BIN)/python scripts/small_keys --check
	scripts/habits --most 20
	scripts/habits --tests --most 20

docs: ## Build the docs site into site/; a link that leads nowhere fails
	@scripts/venv docs
	$(BIN)/zensical build --clean --strict

release-check: ## Build the release twice, check and try it; leaves it in dist/ with its SBOM and licences
	@scripts/venv test release
	$(BIN)/python scripts/release-check

fmt: ## Format the code and apply the safe fixes of the linter
	@scripts/venv check
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: ## Run the benchmarks
	@scripts/venv test
	@if [ ! -x bench/run ]; then echo "error: there is no bench/run to run" >&2; exit 1; fi
	@scripts/install-servers
	PATH="$(CURDIR)/$(BIN):$$PATH" bench/run

venv: ## Make .venv with everything for development
	@scripts/venv test check
