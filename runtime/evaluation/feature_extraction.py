"""Feature extraction, which has no labelled data: only its outputs can be compared."""

from convbert_onnx.runtime.evaluation.base import Call, TaskEvaluation
from convbert_onnx.runtime.evaluation.sample_text import SENTENCES
from convbert_onnx.runtime.pipeline import ConvBertOnnxPipeline

__all__ = ["EVALUATION", "FeatureExtractionEvaluation"]


class FeatureExtractionEvaluation(TaskEvaluation):
    """Texts to compare features on."""

    def sample_calls(self, pipe: ConvBertOnnxPipeline) -> list[Call]:
        """The sample sentences."""
        return [self.text_call(pipe, sentence) for sentence in SENTENCES]


EVALUATION = FeatureExtractionEvaluation()
