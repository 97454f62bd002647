# make demo, make test: all they need is Python 3.11 or newer and make. Where pip would bring the CUDA build of torch,
# set PIP_EXTRA_INDEX_URL to PyTorch's index of CPU wheels first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CHECKPOINT := tests/data/checkpoints/plain-question-answering

.PHONY: demo test lint types light cpus sanitize fuzz tensorflow transformers5 benchmark clean

demo: $(VENV)/demo
	@$(BIN)/convbert-onnx export --task qa --model $(CHECKPOINT) -o model.onnx
	@echo
	@$(BIN)/convbert-onnx run model.onnx --context "$$(cat tests/data/paragraph.txt)" \
		--question "What is the name of the satellite that measured the amount of dust?"
	@echo
	@echo "The weights of this toy checkpoint are random, and so is the answer: name a fine-tuned one with --model."
	@echo "For CPUs, --precision int8 makes a file of a quarter of the size that is 1.4 to 2.3 times as fast."

test: build/bundles
	$(BIN)/pytest -n auto --dist worksteal tests --bundles build/bundles

lint: $(VENV)/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/test
	$(BIN)/mypy

# The runtime's tests on the built wheel, where torch, onnx and transformers are not installed.
light: build/bundles
	PYTHON="$(PYTHON)" BIN="$(abspath $(BIN))" BUNDLES="$(abspath build/bundles)" tests/light_path.sh

# The tests that depend on the CPU, with each instruction set and each form of int8 files.
cpus: build/bundles
	BIN="$(abspath $(BIN))" BUNDLES="$(abspath build/bundles)" tests/on_each_cpu.sh

# The native kernels under sanitizers, and compiled for other machines.
sanitize:
	tests/native/run.sh

# Mutated inputs of every kind, 10 seconds each; FUZZ="--seconds 3600 bundle" fuzzes one kind for an hour.
fuzz: build/fuzz/bundles
	$(BIN)/python -m tests.fuzz $(FUZZ)

build/fuzz/bundles: build/bundles
	rm -rf $@ $@.tmp
	$(BIN)/python -m tests.fuzz.bases $@.tmp build/bundles && mv $@.tmp $@

# The toy checkpoints, exported once for all tests.
build/bundles: $(VENV)/test $(shell find convbert_onnx exporters models runtime tests/support -name "*.py")
	rm -rf $@ && mkdir -p build
	$(BIN)/python tests/support/export_bundles.py $@.tmp && mv $@.tmp $@

# Checkpoints that real TensorFlow writes, in an environment of its own, read where there is none.
tensorflow: $(VENV)/test
	PYTHON="$(PYTHON)" BIN="$(abspath $(BIN))" tests/with_tensorflow/run.sh

# The product's tests with transformers 5 beside it.
transformers5: build/bundles
	PYTHON="$(PYTHON)" BUNDLES="$(abspath build/bundles)" tests/transformers5.sh

# Beside the peers, in an environment of its own; some hours. BENCHMARK=--quick is a trial of a few minutes.
benchmark:
	$(PYTHON) -m benchmarks $(BENCHMARK)

clean:
	rm -rf $(VENV) build dist model.onnx *.egg-info

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo: $(BIN)/python pyproject.toml constraints.txt setup.py $(wildcard runtime/native/*.[chi]*)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[cpu,export]'
	touch $@

$(VENV)/test: $(VENV)/demo
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[cpu,export,tf,optimum,dev]'
	touch $@
