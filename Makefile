# Each target sets up the virtual environment that it needs: Python >= 3.11, make and a package index are enough.
#
#   make demo ARGS=--live          make test ARGS="tests/guards -k stream"          make test PYTHON=python3.13

PYTHON ?= python3
VENV ?= .venv# prefix of the environments: .venv-demo, .venv-test, .venv-dev
ARGS ?=

# Pins for what is installed and, with the second name (pip >= 25.3), for what builds it.
export PIP_CONSTRAINT := constraints.txt
export PIP_BUILD_CONSTRAINT := constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.DEFAULT_GOAL := help
.PHONY: help demo test lint format types contracts check bench pins clean
.DELETE_ON_ERROR:

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1|\2/p' Makefile | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

demo: $(VENV)-demo/ready ## an application with the real SDKs against a loopback provider; no key needed
	@$(VENV)-demo/bin/hardened demo $(ARGS)

test: $(VENV)-test/ready ## all tests
	@$(VENV)-test/bin/python -m pytest $(ARGS)

lint: $(VENV)-dev/ready ## formatter (check only) and linter
	$(VENV)-dev/bin/ruff format --check .
	$(VENV)-dev/bin/ruff check .

format: $(VENV)-dev/ready ## format, and fix what the linter can fix
	$(VENV)-dev/bin/ruff check --fix .
	$(VENV)-dev/bin/ruff format .

types: $(VENV)-dev/ready ## strict type check
	$(VENV)-dev/bin/pyright --pythonpath $(VENV)-dev/bin/python

contracts: $(VENV)-dev/ready ## which package may import which
	$(VENV)-dev/bin/lint-imports

check: lint types contracts test ## all of the above

bench: $(VENV)-test/ready ## import cost, microseconds per call and per chunk, memory
	@$(VENV)-test/bin/python bench/run.py $(ARGS)

pins: $(VENV)-dev/ready ## write constraints.txt anew, with the newest versions
	$(VENV)-dev/bin/python -m pip install --quiet uv
	sed -n 's/^requires = \["\(.*\)"\]/\1/p' pyproject.toml | $(VENV)-dev/bin/uv pip compile --quiet pyproject.toml - \
	    --universal --python-version 3.11 --extra all --extra dev --no-annotate --no-emit-index-url --no-emit-find-links \
	    --custom-compile-command "make pins" --output-file constraints.new --upgrade
	mv constraints.new constraints.txt

clean: ## remove the environments and everything that was built
	rm -rf $(VENV)-demo $(VENV)-test $(VENV)-dev build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src instrumentation detectors tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)-demo/ready: EXTRAS = openai,anthropic
$(VENV)-test/ready: EXTRAS = test
$(VENV)-dev/ready: EXTRAS = dev

$(VENV)-%/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "hardened needs Python 3.11 or newer, '$(PYTHON)' is not. Say which one to use: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { \
	    echo "'$(PYTHON)' lacks the venv module. Install it (Debian, Ubuntu: the package python3-venv) and try again." >&2; exit 1; }
	@echo "setting up $(@D) (once)"
	@$(PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install -qq --editable '.[$(EXTRAS)]'
	@touch $@
