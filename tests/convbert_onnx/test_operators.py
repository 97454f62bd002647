"""The table of custom operators."""

import re

import pytest

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.operators import DOMAIN, OPERATORS, Operator

CONFIG = ConvBertConfig(num_groups=2)
LINE = re.compile(r"(?P<outputs>[\w, ]+) = (?P<operator>[\w.]+) (?:<(?P<attributes>.*)> )?\((?P<inputs>.*)\)")
NAME = re.compile(r"[A-Za-z_]\w*")


def test_names_are_unique() -> None:
    assert len({operator.name for operator in OPERATORS}) == len(OPERATORS)


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.name)
@pytest.mark.parametrize("with_optional", [True, False])
def test_function_bodies_define_every_value_before_its_use(operator: Operator, with_optional: bool) -> None:
    defined = {name for name in operator.inputs if with_optional or name not in operator.optional}
    attributes: set[str] = set()
    for line in operator.body(CONFIG, with_optional):
        match = LINE.fullmatch(line)
        assert match, line
        used = set(NAME.findall(match["inputs"]))
        assert used <= defined, line
        outputs = match["outputs"].split(", ")
        assert defined.isdisjoint(outputs), line
        defined |= set(outputs)
        attributes |= set(re.findall(r"@(\w+)", match["attributes"] or ""))
        domain = match["operator"].rpartition(".")[0]
        assert not domain or domain in operator.opsets, line
    assert operator.outputs.keys() <= defined
    assert attributes <= operator.attributes.keys()


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.name)
def test_optional_inputs_are_the_last(operator: Operator) -> None:
    assert list(operator.inputs)[len(operator.inputs) - len(operator.optional) :] == list(operator.optional)


def test_operators_after_an_int8_matmul_have_a_variant_with_the_matmul() -> None:
    by_name = {operator.name: operator for operator in OPERATORS}
    for name, operator in by_name.items():
        if name.startswith("Dequantize"):
            fused = by_name[f"MatMul{name}"]
            assert fused.outputs == operator.outputs
            assert fused.inputs.keys() == {"rows", "weight", *operator.inputs} - {"product"}
            assert fused.opsets == {DOMAIN: 1}
