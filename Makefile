# Every target sets up what it needs. PYTHON chooses the interpreter that .venv is made with.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
LIGHT  := $(VENV)/.light
THREAD := captures/gurux-forum-2017

.PHONY: demo test lint bench screenshots fuzz lab clean

# What the command itself needs; the rest is for development.
$(LIGHT): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check -e .
	@touch $@

$(READY): $(LIGHT)
	$(BIN)/pip install -q --disable-pip-version-check -e '.[dev]'
	@touch $@

# Exit status 1 says that there are findings, which is what this trace is for; 2 is a failure.
demo: $(LIGHT)
	@$(BIN)/dlmscope diagnose $(THREAD)/thread.log --keys $(THREAD)/keys.toml || [ $$? -eq 1 ]

test: $(READY)
	$(BIN)/python -m pytest -m 'not fuzz'

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python -m benchmarks

screenshots: $(READY)
	$(BIN)/python -m tests.tui.screenshots

fuzz: $(READY)
	$(BIN)/python -m pytest -m fuzz

# How the diagnosis does on conversations with known faults, and on healthy ones.
lab: $(READY)
	$(BIN)/python -m tests.lab

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
