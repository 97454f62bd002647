"""Both tokenizer classes, for tests of what they share."""

import pytest

from convbert_onnx import ConvBertTokenizer, ConvBertTokenizerFast
from convbert_onnx.runtime.tokenization.base import TokenizerBase


@pytest.fixture(params=[ConvBertTokenizer, ConvBertTokenizerFast])
def tokenizer_class(request: pytest.FixtureRequest) -> type[TokenizerBase]:
    kind: type[TokenizerBase] = request.param
    return kind
