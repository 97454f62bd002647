"""Suggest words for a gap, freely and from a list.

python examples/fill_mask.py model.onnx
"""

import sys

from convbert_onnx import ConvBertOnnxPipeline

TEXT = "The dust from the desert [MASK] on the forest."


def main(model: str) -> None:
    """Print the best three words, then the better one of two."""
    pipe = ConvBertOnnxPipeline(model)
    text = TEXT.replace("[MASK]", pipe.tokenizer.mask_token)
    for word in pipe(text, top_k=3):
        print(f"{word['score']:.3f}  {word['sequence']}")
    for word in pipe(text, targets=["product", "guard"], top_k=1):
        print(f"of two words: {word['token_str']}")


if __name__ == "__main__":
    main(sys.argv[1])
