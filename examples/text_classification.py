"""Classify texts, with the scores of all labels.

python examples/text_classification.py model.onnx
"""

import sys

from convbert_onnx import ConvBertOnnxPipeline

TEXTS = [
    "The battery lasts two days and charges in an hour.",
    "It stopped working after a week, and nobody answers my mails.",
    "The parcel arrived on Tuesday.",
]


def main(model: str) -> None:
    """Print each text with its labels, the most probable first."""
    pipe = ConvBertOnnxPipeline(model)
    for text, labels in zip(TEXTS, pipe(TEXTS, top_k=None), strict=True):
        print(text)
        for label in labels:
            print(f"  {label['score']:.3f}  {label['label']}")


if __name__ == "__main__":
    main(sys.argv[1])
