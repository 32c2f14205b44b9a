# neurotransfer: everything a newcomer needs. `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench race gallery blind clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.installed  ## Set up .venv and paint the shipped photo; the picture and its report land in output/
	$(BIN)/neurotransfer run

test: $(VENV)/.installed-dev  ## Run the tests
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-dev  ## Check format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/.installed-dev  ## Measure seconds a step, the floor, memory and start-up (minutes)
	$(BIN)/python bench/step.py

race: $(VENV)/.installed  ## The 2017 baseline against this program, on three pairs (half an hour)
	$(BIN)/python bench/race.py

gallery: $(VENV)/.installed  ## Paint the pictures of the README again
	$(BIN)/python bench/gallery.py

blind: $(VENV)/.installed  ## A blind test of two settings, by default the former default against the default
	$(BIN)/python bench/blind.py

clean:  ## Remove the virtual environment and what tools left behind
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache

$(VENV)/.installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
