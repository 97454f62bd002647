# make demo, make test: all they need is Python 3.11 or newer and make. Where pip would bring the CUDA build of torch,
# set PIP_EXTRA_INDEX_URL to PyTorch's index of CPU wheels first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CHECKPOINT := tests/data/checkpoints/plain-question-answering
SOURCES := convbert_onnx exporters runtime models tests benchmarks

.PHONY: demo test lint types light tensorflow clean

demo: $(VENV)/demo
	@$(BIN)/convbert-onnx export --task qa --model $(CHECKPOINT) -o model.onnx
	@echo
	@$(BIN)/convbert-onnx run model.onnx --context "$$(cat tests/data/paragraph.txt)" \
		--question "What is the name of the satellite that measured the amount of dust?"
	@echo
	@echo "The weights of this toy checkpoint are random, and so is the answer: name a fine-tuned one with --model."

test: $(VENV)/test
	$(BIN)/pytest

lint: $(VENV)/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/test
	$(BIN)/mypy

# The runtime's tests on the built wheel, where torch, onnx and transformers are not installed.
light: $(VENV)/test
	PYTHON="$(PYTHON)" BIN="$(abspath $(BIN))" tests/light_path.sh

# Checkpoints that real TensorFlow writes, in an environment of its own, read where there is none.
tensorflow: $(VENV)/test
	PYTHON="$(PYTHON)" BIN="$(abspath $(BIN))" tests/with_tensorflow/run.sh

clean:
	rm -rf $(VENV) build dist model.onnx *.egg-info

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[cpu,export]'
	touch $@

$(VENV)/test: $(VENV)/demo
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[cpu,export,tf,optimum,dev]'
	touch $@
