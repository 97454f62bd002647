"""Embed sentences, and find the one closest to a query.

python examples/feature_extraction.py model.onnx
"""

import sys

import numpy as np

from convbert_onnx import ConvBertOnnxPipeline

SENTENCES = [
    "Wind carries dust from the Sahara across the Atlantic.",
    "The new phone has a brighter screen.",
    "Rain forests need phosphorus from far away.",
]
QUERY = "Where does the desert's dust go?"


def main(model: str) -> None:
    """Print the sentences, the most similar to the query first."""
    pipe = ConvBertOnnxPipeline(model, pooling="mean", normalize=True, return_tensors=True)
    embeddings = np.stack(pipe(SENTENCES))  # [sentences, hidden], each of length 1
    similarities = embeddings @ pipe(QUERY)
    for number in np.argsort(-similarities):
        print(f"{similarities[number]:.3f}  {SENTENCES[number]}")


if __name__ == "__main__":
    main(sys.argv[1])
