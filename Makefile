# What a person types. `make demo` is the whole tool in a minute; `make test` is what must pass.
MEMBERS ?= 2
SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
.PHONY: setup demo lint test clean

# The first interpreter that is new enough; a name that is only a shim for a missing version does not count.
PYTHON ?= $(shell for each in python3.13 python3.14 python3.12 python3; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null && echo $$each && break; done)
# Everything that the set-up fetches stays inside the checkout.
export UV_CACHE_DIR := $(CURDIR)/.cache/uv
export PIP_NO_CACHE_DIR := 1
BIN := .venv/bin

setup: .venv/ready
	@tools/system-packages

.venv/ready: requirements.lock pyproject.toml
	@[ -n "$(PYTHON)" ] || { echo "ERROR: Python 3.12 or newer is needed and none is on the PATH; install one, then run make setup again." >&2; exit 1; }
	echo "setup: making .venv with $$($(PYTHON) --version), about a minute" >&2
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --disable-pip-version-check "$$(grep -o '^uv==[^ ]*' requirements.lock)"
	VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes --requirement requirements.lock
	VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --no-build-isolation --no-deps --editable .
	touch $@
