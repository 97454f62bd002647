"""Choose the most plausible continuation of a sentence.

python examples/multiple_choice.py model.onnx
"""

import sys

from convbert_onnx import ConvBertOnnxPipeline

PROMPT = "She filled the kettle and switched it on. A few minutes later"
CHOICES = ["the water boiled.", "the kettle sang an opera.", "the river froze.", "she filled the car with snow."]


def main(model: str) -> None:
    """Print the choices, the most probable first."""
    pipe = ConvBertOnnxPipeline(model)
    result = pipe(prompt=PROMPT, choices=CHOICES)
    for score, choice in sorted(zip(result["scores"], CHOICES, strict=True), reverse=True):
        print(f"{score:.3f}  {PROMPT} {choice}")


if __name__ == "__main__":
    main(sys.argv[1])
