"""Labelled data and configs that tests of its readers share."""

from pathlib import Path

from golden import DATA

from convbert_onnx import ConvBertConfig

LABELLED = DATA / "labelled"
SENTIMENT = ConvBertConfig(id2label={0: "negative", 1: "neutral", 2: "positive"})
ENTITIES = ConvBertConfig(id2label=dict(enumerate(["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "I-LOC", "I-MISC"])))


def written(folder: Path, name: str, text: str | bytes) -> Path:
    """A new file with this text."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path
