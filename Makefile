# All that `make demo` and `make test` need is Python 3.11 or newer and make. Where pip would install the CUDA build of
# torch, set PIP_EXTRA_INDEX_URL to PyTorch's index of CPU wheels first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CHECKPOINT := tests/data/checkpoints/plain-question-answering
C_SOURCES := $(wildcard runtime/native/*.[chi]* tests/native/*.c)
CHECKS := test lint types docs light cpus sanitize fuzz tensorflow transformers5 demo

.PHONY: help check coverage format benchmark clean $(CHECKS)

help:  ## Show these targets
	@grep -E '^[a-z0-9]+:.*## ' Makefile | sed -E 's/^([a-z0-9]+):.*## /\1\t/' | expand -t 16

check:  ## Run all that CI runs, one step after the other
	@for step in $(CHECKS); do echo "make $$step"; $(MAKE) --no-print-directory $$step || exit 1; done

demo: $(VENV)/demo  ## Export a toy checkpoint and ask it a question
	@$(BIN)/convbert-onnx export --task qa --model $(CHECKPOINT) -o model.onnx
	@echo
	@$(BIN)/convbert-onnx run model.onnx --context "$$(cat tests/data/paragraph.txt)" \
		--question "What is the name of the satellite that measured the amount of dust?"
	@echo
	@echo "The weights of this toy checkpoint are random, and so is the answer. Pass a fine-tuned one with --model."
	@echo "On CPUs, --precision int8 gives a file of a quarter of the size that is 1.4 to 2.3 times as fast."

test: build/bundles  ## Run the tests
	$(BIN)/pytest -n auto --dist worksteal tests --bundles build/bundles

coverage: build/bundles  ## Measure which lines the tests run
	$(BIN)/pytest -n auto --dist worksteal tests --bundles build/bundles --cov --cov-report=term:skip-covered

format: $(VENV)/test  ## Format Python and C
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(C_SOURCES)

lint: $(VENV)/test  ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run --Werror $(C_SOURCES)

types: $(VENV)/test  ## Check types with mypy
	$(BIN)/mypy

# A broken link or anchor, or a public name without a docstring, fails; with --quiet it would not.
docs: $(VENV)/test  ## Build the documentation in build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# On the built wheel, where torch, onnx and transformers are not installed.
light: build/bundles  ## Test the runtime without torch, with the newest and the oldest engine
	PYTHON="$(PYTHON)" BIN="$(abspath $(BIN))" BUNDLES="$(abspath build/bundles)" tests/light_path.sh

cpus: build/bundles  ## Run CPU-dependent tests with each instruction set and each form of int8 file
	BIN="$(abspath $(BIN))" BUNDLES="$(abspath build/bundles)" tests/on_each_cpu.sh

sanitize:  ## Run the kernels under sanitizers, and compiled for other machines
	tests/native/run.sh

# FUZZ="--seconds 3600 bundle" fuzzes one target for an hour.
fuzz: build/fuzz/bundles  ## Fuzz each target for 10 seconds
	$(BIN)/python -m tests.fuzz $(FUZZ)

# In an environment of its own; the checkpoints are then read where TensorFlow is not installed.
tensorflow: $(VENV)/test  ## Read checkpoints that TensorFlow writes
	PYTHON="$(PYTHON)" BIN="$(abspath $(BIN))" tests/with_tensorflow/run.sh

transformers5: build/bundles  ## Run the tests with transformers 5 installed
	PYTHON="$(PYTHON)" BUNDLES="$(abspath build/bundles)" tests/transformers5.sh

# In an environment of its own. BENCHMARK=--quick is a trial of a few minutes.
benchmark:  ## Measure against transformers, optimum and OpenVINO; takes hours
	$(PYTHON) -m benchmarks $(BENCHMARK)

clean:  ## Remove environments and build outputs
	rm -rf $(VENV) build dist model.onnx *.egg-info

# The toy checkpoints, exported once for all tests.
build/bundles: $(VENV)/test $(shell find convbert_onnx exporters models runtime tests/support -name "*.py")
	rm -rf $@ && mkdir -p build
	$(BIN)/python tests/support/export_bundles.py $@.tmp && mv $@.tmp $@

build/fuzz/bundles: build/bundles
	rm -rf $@ $@.tmp
	$(BIN)/python -m tests.fuzz.seed_models $@.tmp build/bundles && mv $@.tmp $@

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo: $(BIN)/python pyproject.toml constraints.txt setup.py $(wildcard runtime/native/*.[chi]*)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[cpu,export]'
	touch $@

$(VENV)/test: $(VENV)/demo
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[cpu,export,tf,optimum,dev,docs]'
	touch $@
