"""Find the entities of a text.

python examples/token_classification.py model.onnx
"""

import sys

from convbert_onnx import ConvBertOnnxPipeline

TEXT = "Ada Lovelace met Charles Babbage in London in 1833, and translated a paper by Luigi Menabrea from Turin."


def main(model: str) -> None:
    """Print each entity with its place in the text."""
    pipe = ConvBertOnnxPipeline(model, aggregation_strategy="first")
    for entity in pipe(TEXT):
        start, end = entity["start"], entity["end"]
        print(f"{entity['score']:.3f}  {entity['entity_group']:6} {TEXT[start:end]!r}, characters {start} to {end}")


if __name__ == "__main__":
    main(sys.argv[1])
