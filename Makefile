# All that is needed: python3 >= 3.11 with venv, make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
SUMMARY := data/08_reporting/summary.json
SOURCES := $(shell find src conf data/01_raw/sample/clips -type f -not -path '*/__pycache__/*' -not -path '*.egg-info/*')

.PHONY: run test fuzz lock clean
# A run that fails half way leaves no summary that would pass for one that is done.
.DELETE_ON_ERROR:

# Make the sample corpus and run the whole default pipeline on it; what is up to date is left as it is.
run: $(SUMMARY)
	@$(BIN)/kedro results

$(SUMMARY): $(VENV)/.runtime $(SOURCES)
	$(BIN)/kedro run --pipelines sample_corpus
	$(BIN)/kedro run
	@touch $@

# Everything that guards the project.
test: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest

# Measure thousands of files broken at random: make fuzz FUZZ_CASES=20000 FUZZ_SEED=1
FUZZ_CASES ?= 5000
FUZZ_SEED ?= 1
fuzz: $(VENV)/.test
	FUZZ_CASES=$(FUZZ_CASES) FUZZ_SEED=$(FUZZ_SEED) $(BIN)/python -m pytest -s tests/video/test_fuzzed_files.py

$(VENV)/.runtime: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else f"Python 3.11, 3.12 or 3.13 is needed, {sys.executable} is {sys.version.split()[0]}: make PYTHON=/path/to/python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --requirement requirements.lock
	@$(BIN)/python -c 'import cv2' 2>/dev/null || $(MAKE) --no-print-directory headless-opencv
	$(PIP) install --quiet --no-deps --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.runtime requirements-dev.lock
	$(PIP) install --quiet --requirement requirements-dev.lock
	@$(BIN)/python -c 'import cv2' 2>/dev/null || $(MAKE) --no-print-directory headless-opencv
	@touch $@

# opencv-python needs the graphics library libGL; without it the headless build of the same module serves.
.PHONY: headless-opencv
headless-opencv:
	@echo 'opencv-python does not import here (no libGL): opencv-python-headless takes its place'
	$(PIP) uninstall --quiet --yes opencv-python
	$(PIP) install --quiet "$$(sed -n 's/^opencv-python==/opencv-python-headless==/p' requirements.lock)"
	$(BIN)/python -c 'import cv2'

# Pin the dependencies anew (needs uv).
lock:
	uv pip compile pyproject.toml --universal --python-version 3.11 --no-header --no-annotate --upgrade --quiet --output-file requirements.lock
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --no-header --no-annotate --constraint requirements.lock --quiet --output-file requirements-dev.lock

# Remove the environment and all results, but not the clips.
clean:
	rm -rf $(VENV) mlflow.db mlartifacts
	git clean -fdxq data
