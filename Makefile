# One verb per task; `make demo` and `make test` set themselves up.
VENV := .venv
BIN := $(VENV)/bin
CREWAI := .venv-crewai
PYTHON ?= python3

.PHONY: demo test coverage test-faults test-crewai check bench docs format

demo: $(VENV)/.base
	$(BIN)/python -m holdfast demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2

# The same tests, traced, which doubles their time.
coverage: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --cov --cov-report=term:skip-covered --cov-fail-under=90

# The long runs: many more kills, races and tenants than `make test` has time for.
test-faults: $(VENV)/.dev
	$(BIN)/python -m pytest tests/faults tests/test_scope.py -v \
		--sqlite-rounds 200 --postgres-rounds 50 --updates 500 --submits 1000 --scope-calls 100000 \
		--result=benchmarks/results/faults.md

# CrewAI needs mcp 1.x, and so an environment of its own; it warns of itself, and leaves clients open.
test-crewai: $(CREWAI)/.made
	PYTHONPATH=$(CURDIR)/tests/guard $(CREWAI)/bin/python -m pytest examples \
		-W ignore::DeprecationWarning -W ignore::ImportWarning -W ignore::ResourceWarning

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/stores.py
	$(BIN)/python benchmarks/recall.py
	$(BIN)/python benchmarks/habits.py
	$(BIN)/python benchmarks/prompts.py
	$(BIN)/python benchmarks/latency.py
	$(BIN)/python benchmarks/background.py
	$(BIN)/python benchmarks/quoting.py

# Runs every example, draws the pictures anew, and builds the site in `site`.
docs: $(VENV)/.dev
	$(BIN)/python -m pytest tests/test_documents.py
	$(BIN)/python scripts/pictures.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/.base: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@ $(VENV)/.base

$(CREWAI)/.made: pyproject.toml examples/crewai-requirements.txt
	test -x $(CREWAI)/bin/python || $(PYTHON) -m venv $(CREWAI)
	$(CREWAI)/bin/python -m pip install --quiet --disable-pip-version-check \
		-r examples/crewai-requirements.txt -e '.[openai]'
	touch $@
