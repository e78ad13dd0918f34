# Everything happens in .venv, made from the pinned versions in constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# featx on JAX, without TensorFlow.
JAX_VENV := .venv-jax
JAX_STAMP := $(JAX_VENV)/.installed

.PHONY: help install demo test lint slow other-backends docs bench clean

help:
	@echo "make demo   the whole flow on two image sets that need no download"
	@echo "make test   lint, types, import contract, fast tests"
	@echo "make slow   the slow tests, and many examples of the property tests"
	@echo "make other-backends  the tests of featx on JAX, without TensorFlow"
	@echo "make docs   the documentation, in docs/_build/html"
	@echo "make bench  featx's speed beside others', a quarter of an hour"
	@echo "make clean  remove .venv and what the tests left"

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]' --constraint constraints.txt
	@touch $@

demo: $(STAMP)
	$(BIN)/featx demo

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Two tests run side by side; more than one thread each would only wait. Slow ones wait
# for their processes often enough for a third.
test slow: export OMP_NUM_THREADS = 1
test slow: export TF_NUM_INTRAOP_THREADS = 1

# `.ci/run` also measures coverage, which makes the tests take a third longer.
test: lint
	$(BIN)/pytest -n 2 --dist worksteal $(COVERAGE)

slow: $(STAMP)
	$(BIN)/pytest -n 3 --dist worksteal -m "slow or hypothesis" \
	    --hypothesis-profile thorough

$(JAX_STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(JAX_VENV)
	$(JAX_VENV)/bin/python -m pip install --quiet --no-compile --editable '.[jax]' \
	    hypothesis pytest pytest-timeout --constraint constraints.txt
	@touch $@

other-backends: export FEATX_JAX_PYTHON = $(CURDIR)/$(JAX_VENV)/bin/python
other-backends: $(STAMP) $(JAX_STAMP)
	KERAS_BACKEND=jax $(JAX_VENV)/bin/python -m pytest \
	    tests/embeddings/engines/test_conformance.py \
	    tests/embeddings/engines/test_jax.py
	$(BIN)/pytest -m slow tests/test_other_backends.py

# -W makes an error of every warning: a broken link, a name that is not there.
docs: $(STAMP)
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

# TORCH_PYTHON names an interpreter with torch and torchvision, if there is one.
bench: $(STAMP)
	$(BIN)/python -m benchmarks.stage_one --readme docs/reference/speed.md \
	    $(if $(TORCH_PYTHON),--torch-python $(TORCH_PYTHON))

clean:
	rm -rf docs/_build $(VENV) $(JAX_VENV) .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis
