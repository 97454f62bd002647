"""The sample text has what the tasks' sample calls need."""

from convbert_onnx.runtime.evaluation.sample_text import QUESTIONS, SENTENCES


def test_sentences_are_distinct_and_long_enough_to_be_split() -> None:
    assert len(set(SENTENCES)) == len(SENTENCES) >= 15
    assert all(sentence.endswith(".") and len(sentence.split()) >= 4 for sentence in SENTENCES)
    assert len({len(sentence) for sentence in SENTENCES}) > len(SENTENCES) / 2


def test_questions_cover_all_contexts() -> None:
    contexts = {context for _, context in QUESTIONS}
    assert len(contexts) == 3
    assert all(question.endswith("?") for question, _ in QUESTIONS)
    assert all(any(sentence in context for context in contexts) for sentence in SENTENCES)
