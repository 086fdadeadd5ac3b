# All that is needed: python3 >= 3.11 with venv, make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: run test fuzz lock clean

# Make the sample corpus, run the whole default pipeline on it and print the results; those that are up to date are only printed.
run: $(VENV)/.runtime
	@$(BIN)/kedro results --current || $(BIN)/kedro run --pipelines demo

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
	@echo 'installing into $(VENV): some minutes, 2.4 GB'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --progress-bar on --requirement requirements.lock
	@$(BIN)/python -c 'import cv2' 2>/dev/null || $(MAKE) --no-print-directory headless-opencv
	$(PIP) install --quiet --no-deps --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.runtime requirements-dev.lock
	$(PIP) install --progress-bar on --requirement requirements-dev.lock
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

# Remove what the project has made, after naming it and asking: results, environment and MLflow's records. make clean YES=--yes asks nothing.
clean:
	@test -x $(BIN)/kedro || { echo 'there is no $(VENV): kedro clean, which knows what a run has made, cannot be asked'; exit 1; }
	$(BIN)/kedro clean $(YES)
	rm -rf $(VENV) mlflow.db mlartifacts
