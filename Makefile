# `make up`, `demo`, `test`, `test-all` and `install` are what the project promises from outside; the rest serves its makers.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt hatchling editables
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-build-isolation -e '.[test]'
	@touch $@

.PHONY: help install up demo test test-all check fmt bench fuzz wire

help: ## say what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

install: .venv/installed ## set up .venv from pinned versions

up: install ## serve on http://127.0.0.1:4570
	$(BIN)/penstock serve

demo: install ## run one whole pipeline on real input and show it
	$(BIN)/python examples/demo.py

test: install ## the test suite, under three minutes
	$(BIN)/python -m pytest -n 2 -m 'not long'

test-all: install ## the test suite and everything that takes longer
	$(BIN)/python -m pytest -n 2 -rs
	@echo "the operations once more, on PostgreSQL:"
	$(BIN)/python -m pytest -n 2 -rs tests/operations --database postgres

check: install ## style, types, layers, spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=src $(BIN)/lint-imports --no-cache
	$(BIN)/codespell src tests docs tools benches examples *.md
	$(BIN)/python -m pytest tests/tidy

fmt: install ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# What cannot be had is named, and the bench goes without it.
PEERS := 'moto flask flask-cors' ministack procrastinate 'dbos psycopg[binary]' 'dramatiq[redis]'

.venv-bench/installed: benches/constraints.txt
	$(PYTHON) -m venv .venv-bench
	@for peer in $(PEERS); do \
		.venv-bench/bin/python -m pip install -qq --disable-pip-version-check -c benches/constraints.txt $$peer \
			|| echo "not to be had here: $$peer"; done
	@touch $@

bench: install .venv-bench/installed ## measure beside yardsticks and peers; BENCH takes options, BENCH=--help tells them
	$(BIN)/python -m benches $(BENCH)

# Where atheris cannot be had, what would be guided by coverage is done without it.
.venv/fuzz: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --only-binary atheris \
		--no-build-isolation -e '.[test,fuzz]' || echo 'atheris is not to be had here'
	@touch $@

fuzz: install .venv/fuzz ## look for faults for a quarter of an hour; FUZZ takes options, FUZZ=--help tells them
	PYTHONPATH=tests $(BIN)/python -m fuzz $(FUZZ)

wire: install ## generate the wire types from the service model
	$(BIN)/python tools/generate_wire.py
