"""Answer questions about a text, with the best two answers to each.

python examples/question_answering.py model.onnx
"""

import sys

from convbert_onnx import ConvBertOnnxPipeline

CONTEXT = """Dust from the Sahara crosses the Atlantic every year. A satellite measured 182 million tons of it leaving
Africa, of which 27 million tons fall on the Amazon basin. The dust carries phosphorus, which the soil there lacks."""
QUESTIONS = ["Where is the dust from?", "How much dust falls on the Amazon?", "Which nutrient does it carry?"]


def main(model: str) -> None:
    """Print the questions with their answers."""
    pipe = ConvBertOnnxPipeline(model)
    for question, answers in zip(QUESTIONS, pipe(question=QUESTIONS, context=CONTEXT, top_k=2), strict=True):
        print(question)
        for answer in answers:
            print(f"  {answer['score']:.3f}  {answer['answer']!r}, characters {answer['start']} to {answer['end']}")


if __name__ == "__main__":
    main(sys.argv[1])
