# Every target may be repeated; it does only what is missing and prints little.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FOR ?=
OUT ?=
CASE ?=
CASES ?=
STORE ?=
DB ?=
ARCH ?= amd64
PY ?= 3.11
JOBS ?= 2

.PHONY: help setup demo test check bench nightly web deb clean

help:
	@echo "make demo [FOR=90 OUT=demo.json STORE=influx DB=postgres] | test | check | bench [CASE=name CASES=folder] | nightly | web | deb [ARCH=arm64 PY=3.13] | setup | clean"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; say which: make PYTHON=python3.12 …"; exit 2; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run-stamp: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing the Python packages …"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[edge,hub,sim]'
	@touch $@

$(VENV)/.dev-stamp: $(VENV)/.run-stamp
	@echo "installing the development packages …"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[edge,hub,sim,dev]'
	@touch $@

setup: $(VENV)/.dev-stamp web

web: $(VENV)/.run-stamp
	@PYTHON=$(BIN)/python sh web/build.sh

demo: $(VENV)/.run-stamp web
	@$(BIN)/ems demo $(if $(FOR),--for $(FOR)) $(if $(OUT),--out $(OUT)) $(if $(STORE),--store $(STORE)) $(if $(DB),--db $(DB))

test: $(VENV)/.dev-stamp
	@$(BIN)/python -m pytest -n $(JOBS) --junitxml=var/test.xml

check: $(VENV)/.dev-stamp
	@$(BIN)/ruff format -q --check . && $(BIN)/ruff check -q .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --cache-dir $(VENV)/.import-linter > $(VENV)/.imports.log || { cat $(VENV)/.imports.log; exit 1; }
	@$(BIN)/shellcheck packaging/*.sh packaging/debian/p* deploy/*.sh deploy/*/*.sh .ci/run
	@PYTHON=$(BIN)/python sh web/build.sh check
	@echo "check: clean"

bench: $(VENV)/.dev-stamp
	@$(if $(CASES),EMS_BENCH_CASES='$(CASES)') $(BIN)/python -m benchmarks.run $(if $(CASE),--case $(CASE))

nightly: $(VENV)/.dev-stamp
	@$(BIN)/python -m pytest -m nightly --junitxml=var/nightly.xml; ended=$$?; \
	$(BIN)/python -m tests.faults.table $(wildcard var/test.xml) var/nightly.xml && exit $$ended

deb: $(VENV)/.run-stamp
	@PYTHONPATH=packaging $(BIN)/python -m ems_deb --arch $(ARCH) --python $(PY)

clean:
	@rm -rf $(VENV) dist web/node_modules web/dist hub/static .mypy_cache .ruff_cache .pytest_cache .hypothesis
