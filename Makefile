# Two commands do everything on a fresh machine: `make leaderboard` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: leaderboard test bench slow lint golden clean

leaderboard: $(VENV)/.run
	$(BIN)/heptathlon run --tier quick --seeds 3
	$(BIN)/heptathlon report

test: lint
	$(BIN)/python -m pytest

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

golden: $(VENV)/.test
	$(BIN)/python -m tests.golden.numbers

slow: $(VENV)/.test
	$(BIN)/python -m pytest -m slow

bench: $(VENV)/.test
	$(BIN)/heptathlon throughput --out throughput.json

clean:
	rm -rf $(VENV) build dist site .pytest_cache .mypy_cache .ruff_cache

# torch and torchvision come from one call, so that the resolver picks a pair that fits.
$(VENV)/.run: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[run]'
	touch $@

$(VENV)/.test: $(VENV)/.run
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@
