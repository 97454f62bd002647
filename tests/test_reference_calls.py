"""Pipeline calls with every argument of transformers' pipelines, compared with the results of transformers."""

from typing import Any

import pytest
import transformers
from golden import CHECKPOINTS, Exported, same_result
from transformers.pipelines.text_classification import ClassificationFunction
from transformers.pipelines.token_classification import AggregationStrategy
from transformers.tokenization_utils_base import PaddingStrategy, TruncationStrategy

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.errors import ConvBertError

TEXT, OTHER = "The dust falls on the Amazon.", "It rains in Denver all day."
MASKED, TWO_MASKS = "The dust [MASK] on the Amazon.", "[MASK] dust [MASK]."
QUESTION = {"question": "Where does it fall?", "context": TEXT}
PAIR = {"text": TEXT, "text_pair": OTHER}

Call = tuple[tuple[Any, ...], dict[str, Any]]


def call(*args: Any, **kwargs: Any) -> Call:
    return args, kwargs


CALLS: dict[str, list[Call]] = {
    "text-classification": [
        call(TEXT),
        call([TEXT]),
        call([TEXT, OTHER], top_k=None),
        call(TEXT, top_k=1),
        call(TEXT, return_all_scores=True),
        call([TEXT, OTHER], return_all_scores=True),
        call(TEXT, return_all_scores=False),
        call(TEXT, return_all_scores=False, top_k=None),
        call(TEXT, function_to_apply=ClassificationFunction.SIGMOID, top_k=2),
        call(TEXT, function_to_apply="SOFTMAX"),
        call(TEXT, max_length=5),
        call(TEXT, max_length=5, truncation=True, padding=True),
        call(TEXT, truncation=TruncationStrategy.ONLY_FIRST, max_length=6),
        call(TEXT, padding=PaddingStrategy.MAX_LENGTH, max_length=16),
        call(TEXT, padding="max_length", max_length=3),
        call(TEXT, padding=True, pad_to_multiple_of=8),
        call(TEXT, truncation="do_not_truncate", max_length=6),
        call(TEXT, add_special_tokens=False),
        call(TEXT, text_pair=OTHER),
        call(PAIR),
        call([PAIR], top_k=None),
        call([[[TEXT, OTHER]]]),
        call([[TEXT, OTHER]]),
        call(TEXT, batch_size=2, num_workers=0),
        call(TEXT, function_to_apply="tanh"),
        call([]),
    ],
    "fill-mask": [
        call(MASKED),
        call([MASKED]),
        call([MASKED, TWO_MASKS], top_k=2),
        call(MASKED, targets="the"),
        call(TWO_MASKS, targets=["the", "dust", "of"]),
        call(MASKED, targets="[UNK]"),
        call(MASKED, targets=[]),
        call(MASKED, tokenizer_kwargs={"padding": True, "truncation": True, "max_length": 64}),
        call(MASKED, tokenizer_kwargs={"padding": "max_length", "max_length": 32}),
        call(MASKED, tokenizer_kwargs={"max_length": 3}),
        call(MASKED, tokenizer_kwargs={"add_special_tokens": False}),
        call(MASKED, tokenizer_kwargs={"return_tensors": "pt"}),
    ],
    "feature-extraction": [
        call(TEXT),
        call([TEXT, OTHER]),
        call(TEXT, truncation=True),
        call(TEXT, tokenize_kwargs={"padding": True, "truncation": True, "max_length": 16}),
        call(TEXT, tokenize_kwargs={"padding": "max_length", "truncation": True, "max_length": 16}),
        call(TEXT, tokenize_kwargs={"padding": True, "pad_to_multiple_of": 8}),
        call(TEXT, tokenize_kwargs={"max_length": 4}),
        call(TEXT, truncation=True, tokenize_kwargs={"truncation": True}),
    ],
    "token-classification": [
        call(TEXT),
        call([TEXT, OTHER], ignore_labels=[]),
        call(TEXT, aggregation_strategy=AggregationStrategy.SIMPLE),
        call(TEXT, aggregation_strategy="AVERAGE"),
        call(TEXT, grouped_entities=True),
        call(TEXT, grouped_entities=True, ignore_subwords=True),
        call(TEXT, ignore_subwords=True),
        call(TEXT * 60, stride=4, aggregation_strategy="simple"),
        call(TEXT, stride=4, aggregation_strategy="none"),
        call(TEXT, stride=600, aggregation_strategy="simple"),
        call("It falls.", offset_mapping=[(0, 0), (0, 2), (3, 7), (8, 9), (0, 0)]),
    ],
    "question-answering": [
        call(**QUESTION),
        call(QUESTION),
        call([QUESTION]),
        call(QUESTION, QUESTION),
        call(QUESTION["question"], TEXT),
        call(question=["a?", "b?"], context=TEXT),
        call(question=["a?", "b?"], context=[TEXT, OTHER]),
        call(data=QUESTION),
        call(X=[QUESTION]),
        call(**QUESTION, padding=True),
        call(**QUESTION, padding="max_length", max_seq_len=64),
        call(**QUESTION, topk=3),
        call(**QUESTION, topk=3, top_k=2),
        call(**QUESTION, top_k=2, handle_impossible_answer=True),
        call(**QUESTION, align_to_words=False, top_k=3),
        call(**QUESTION, doc_stride=100, max_seq_len=50),
        call(**QUESTION, max_answer_len=2, batch_size=2, num_workers=0),
    ],
    "zero-shot-classification": [
        call(TEXT, ["a", "b"]),
        call(TEXT, candidate_labels="a,b, c"),
        call(TEXT, candidate_labels=["a"]),
        call([TEXT, OTHER], ("a", "b")),
        call(TEXT, ["a", "b"], multi_label=True),
        call(TEXT, ["a", "b"], multi_class=True),
        call(TEXT, ["a", "b"], hypothesis_template="x {0} {0}"),
        call(TEXT, ["a", "b"], hypothesis_template="x {!r}"),
        call(TEXT, ["a", "b"], hypothesis_template="x {:>9}"),
        call(TEXT, ["a", "b"], hypothesis_template="x {} {}"),
        call(TEXT, ["a", "b"], hypothesis_template="{"),
        call(TEXT, ["a", "b"], truncation=True, padding=True),
        call(TEXT * 60, ["a", "b"]),
    ],
}
DEFAULTS: dict[str, list[dict[str, Any]]] = {
    "text-classification": [{"top_k": None}, {"top_k": 1}, {"return_all_scores": True}],
    "fill-mask": [{"targets": ["the", "of"]}, {"tokenizer_kwargs": {"truncation": True}}],
    "token-classification": [{"aggregation_strategy": "first"}, {"ignore_labels": ["LOC"]}],
    "question-answering": [{"top_k": 2}],
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("task", CALLS)
def test_calls_give_the_results_of_transformers(exported: Exported, task: str) -> None:
    zero_shot = task == "zero-shot-classification"
    # transformers pads as in training; its zero-shot classification runs one row at a time.
    architecture, padding = ("cased", "masked") if zero_shot else ("plain", "as-trained")
    kind = "text-classification" if zero_shot else task
    tokenizer = transformers.AutoTokenizer.from_pretrained(CHECKPOINTS / f"{architecture}-question-answering")
    model = str(CHECKPOINTS / f"{architecture}-{kind}")
    for defaults in [{}, *DEFAULTS.get(task, [])]:
        reference = transformers.pipeline(task, model=model, tokenizer=tokenizer, **defaults)
        pipe = ConvBertOnnxPipeline(exported(architecture, padding=padding, task=kind), task, threads=1, **defaults)
        for args, kwargs in CALLS[task][: 8 if defaults else None]:
            _compare(reference, pipe, args, kwargs)


def _compare(reference: Any, pipe: ConvBertOnnxPipeline, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    copied = {name: dict(value) if isinstance(value, dict) else value for name, value in kwargs.items()}
    try:
        expected = reference(*args, **copied)  # feature extraction modifies tokenize_kwargs
    except Exception:
        with pytest.raises(ConvBertError):
            pipe(*args, **kwargs)
    else:
        assert same_result(pipe(*args, **kwargs), expected, 1e-4), (args, kwargs, pipe._defaults)
