# What a person types. `make demo` is the whole tool in a minute; `make test` is what must pass.
MEMBERS ?= 2
SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
.PHONY: setup demo lint test sweep reliability bench clean

# The first interpreter that is new enough; a name that is only a shim for a missing version does not count.
PYTHON ?= $(shell for each in python3.13 python3.14 python3.12 python3; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null && echo $$each && break; done)
# Everything that the set-up fetches stays inside the checkout.
export UV_CACHE_DIR := $(CURDIR)/.cache/uv
export PIP_NO_CACHE_DIR := 1
# pip asks `rustc` for its version, and a rustup that finds no home of its own makes one in the user's.
export RUSTUP_HOME := $(CURDIR)/.cache/rustup
BIN := .venv/bin
# The machine's own certificates, as pip takes them: some networks have an authority of their own.
UV_INSTALL := TMPDIR=$(CURDIR)/.cache VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --system-certs

setup: .venv/ready
	@tools/system-packages

.venv/ready: requirements.lock tests/requirements-data.lock pyproject.toml
	@[ -n "$(PYTHON)" ] || { echo "ERROR: Python 3.12 or newer is needed and none is on the PATH; install one, then run make setup again." >&2; exit 1; }
	echo "setup: making .venv with $$($(PYTHON) --version), about a minute" >&2
	mkdir -p .cache
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --disable-pip-version-check "$$(grep -o '^uv==[^ ]*' requirements.lock)"
	$(UV_INSTALL) --compile-bytecode --require-hashes --requirement requirements.lock
	$(UV_INSTALL) --require-hashes --no-deps --requirement tests/requirements-data.lock
	$(UV_INSTALL) --no-build-isolation --no-deps --editable .
	touch $@

# The demonstration has a sandbox of its own, apart from one that may be in use. All that it says on the way goes to
# standard error, so that standard output is the answer.
demo: setup
	@source $(BIN)/activate
	export SANDBOX_HOME="$(CURDIR)/.cache/demo"
	answer="$(CURDIR)/.cache/demo-answer.json"
	trap 'rm -f "$$answer"; python -m sandbox stop >&2' EXIT
	trap 'exit 130' INT TERM
	python -m sandbox start >&2
	ansible-playbook up.yml --extra-vars federation_member_count=$(MEMBERS) >&2
	ansible-playbook query.yml --extra-vars federation_member_count=$(MEMBERS) --extra-vars "federation_result_file=$$answer" >&2
	ansible-playbook down.yml >&2
	table=$$(python -c 'import json, sys; print(json.load(open(sys.argv[1]))["table"])' "$$answer")
	trap 'rm -f "$$answer"' EXIT
	python -m sandbox stop >&2
	echo "$$table"

# ansible-lint reads the inventory, which starts a sandbox; it gets one of its own, and keeps its notes in the checkout.
lint: setup
	@source $(BIN)/activate
	export SANDBOX_HOME="$(CURDIR)/.cache/lint" ANSIBLE_HOME="$(CURDIR)/.ansible"
	trap 'python -m sandbox stop >&2' EXIT
	ruff check .
	ruff format --check .
	mypy sandbox session_manager_plugin module_utils library plugins tests
	ansible-lint

test: lint
	@tools/system-packages --tests
	source $(BIN)/activate
	# Four at a time, a file each, since each waits half of its time; the longest come first, so that none is left alone.
	pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder \
	    tests/integration/test_life.py tests/molecule tests/integration tests/unit

# Kills up and down after each of their changing calls: more than an hour on two processors. Points of your own choice:
# .venv/bin/python -m tests.sweep --help
sweep: setup
	@source $(BIN)/activate
	exec python -m tests.sweep

# Has everything go wrong that docs/reliability.md has in its table, and writes that table: a quarter of an hour.
reliability: setup
	@source $(BIN)/activate
	exec python -m tests.reliability

# Up, query and down as slow as on AWS, beside the tutorial and beside what AWS's delays make unavoidable, then five million
# triples: almost an hour, most of it waiting, best on a machine that does nothing else. docs/performance.md says how to
# read it; single pieces: .venv/bin/python -m tests.benchmarks --help
bench: setup
	@source $(BIN)/activate
	missed=0
	python -m tests.benchmarks || missed=$$?
	python -m tests.benchmarks.loading || missed=$$?
	exit $$missed

clean:
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m sandbox stop; SANDBOX_HOME=$(CURDIR)/.cache/demo $(BIN)/python -m sandbox stop; fi
	rm -rf .venv .cache .ansible .sandbox .mypy_cache .ruff_cache .pytest_cache *.egg-info
