# Two commands do everything on a fresh machine: `make leaderboard` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: leaderboard test fast lint slow coverage golden policies house bench clean

leaderboard: $(VENV)/.run
	$(BIN)/heptathlon run --tier quick --seeds 3
	$(BIN)/heptathlon report

# Side by side on all cores, but for tests that want the machine to themselves.
test: lint
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow and not alone"
	$(BIN)/python -m pytest -m "alone and not slow"

# What most edits can break, in less than a minute.
fast: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/python -m pytest -n auto -m "not slow and not alone" $(FAST)

FAST := $(addprefix tests/,test_house.py test_golden.py $(addprefix benchmark/,test_errors.py test_seeding.py data machine \
	results tasks/forgetting tasks/few_shot tasks/distribution_shift tasks/long_sequence) reports/tables)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

slow: $(VENV)/.test
	$(BIN)/python -m pytest -m slow

# Lines that no test in this process runs; contestants run in others.
coverage: $(VENV)/.test
	$(BIN)/python -m pytest -n auto --cov --cov-report=term-missing

# Smoke metrics and comparison parts that a change of structure must not move, written anew.
golden: $(VENV)/.test
	$(BIN)/python -m tests.golden.numbers

# Policies that come with test_time_shift.control, trained anew.
policies: $(VENV)/.run
	$(BIN)/python docs/policies.py

# Rooms of the source and which uses which.
house: $(VENV)/.test
	$(BIN)/python -m tests.house

bench: $(VENV)/.test
	$(BIN)/heptathlon throughput --out throughput.json

clean:
	rm -rf $(VENV) build dist site .coverage .pytest_cache .mypy_cache .ruff_cache

# torch and torchvision come from one call, so that the resolver picks a pair that fits.
$(VENV)/.run: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[run]'
	touch $@

$(VENV)/.test: $(VENV)/.run
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@
