"""Write checkpoints with real TensorFlow, and the expected outputs.

    python write_checkpoints.py FOLDER

tests/models/test_tensorflow.py reads them. Each directory in FOLDER has a config.json, weights, and expected.npz with
inputs and outputs.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import torch
import transformers
from transformers.models.convbert.modeling_convbert import load_tf_weights_in_convbert

CHECKPOINTS = Path(__file__).parents[1] / "data" / "checkpoints"
ARCHITECTURES = ("plain", "grouped")
HEADS = ("Model", "ForMaskedLM", "ForSequenceClassification", "ForTokenClassification", "ForMultipleChoice")
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
RANDOM = np.random.default_rng(0)

Arrays = dict[str, np.ndarray]


def inputs(vocab_size: int, *shape: int, padded: bool) -> Arrays:
    """A batch of random token ids; the first row is padded if ``padded``."""
    ids = RANDOM.integers(5, vocab_size, shape)
    mask = np.ones(shape, np.int64)
    if padded:
        mask[0, shape[-1] // 2 :] = 0
    return {"input_ids": ids * mask, "attention_mask": mask, "token_type_ids": RANDOM.integers(0, 2, shape) * mask}


def randomize(model: Any) -> None:
    """Give every weight and bias random values that affect the outputs."""
    for weight in model.weights:
        mean = 1.0 if "gamma" in weight.name else 0.0
        weight.assign(mean + 0.2 * RANDOM.standard_normal(weight.shape))


def write_h5(directory: Path, model: Any, batch: Arrays) -> None:
    """Save a TensorFlow model as h5, with its outputs."""
    model.save_pretrained(directory, safe_serialization=False)
    outputs = model(**{name: tf.constant(array) for name, array in batch.items()})
    np.savez(directory / "expected.npz", **batch, **{name: array.numpy() for name, array in outputs.items()})


def authors_variables(config: Any) -> dict[str, tuple[int, ...]]:
    """Names and TensorFlow 1 shapes of the variables in the authors' pretraining checkpoints."""
    narrow, size, wide = config.embedding_size, config.hidden_size, config.intermediate_size
    heads = config.num_attention_heads // config.head_ratio
    half, taps, groups = size // config.head_ratio, config.conv_kernel_size, config.num_groups
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings/word_embeddings": (config.vocab_size, narrow),
        "embeddings/position_embeddings": (config.max_position_embeddings, narrow),
        "embeddings/token_type_embeddings": (config.type_vocab_size, narrow),
        **norm("embeddings/LayerNorm", narrow),
        **dense("embeddings_project", narrow, size),
    }
    for number in range(config.num_hidden_layers):
        attention = {
            **dense("query", size, half),
            **dense("key", size, half),
            **dense("value", size, half),
            "conv_attn_key/depthwise_kernel": (taps, size, 1),
            "conv_attn_key/pointwise_kernel": (1, size, half),
            "conv_attn_key/bias": (half,),
            **dense("conv_attn_kernel", half, heads * taps),
            **dense("conv_attn_point", size, half),
        }
        layer = {
            **{f"attention/self/{name}": shape for name, shape in attention.items()},
            **dense("attention/output/dense", size, size),
            **norm("attention/output/LayerNorm", size),
            **dense("intermediate/dense", size, wide, groups),
            **dense("output/dense", wide, size, groups),
            **norm("output/LayerNorm", size),
        }
        shapes |= {f"encoder/layer_{number}/{name}": shape for name, shape in layer.items()}
    others = dense("discriminator_predictions/dense", size, size) | dense("generator_predictions/dense", size, narrow)
    return {f"electra/{name}": shape for name, shape in shapes.items()} | others


def dense(name: str, inputs: int, outputs: int, groups: int = 1) -> dict[str, tuple[int, ...]]:
    if groups == 1:
        return {f"{name}/kernel": (inputs, outputs), f"{name}/bias": (outputs,)}
    name = name.replace("dense", "g_dense")
    return {f"{name}/kernel": (groups, inputs // groups, outputs // groups), f"{name}/bias": (outputs,)}


def norm(name: str, size: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}/gamma": (size,), f"{name}/beta": (size,)}


def write_tf1(directory: Path, config: Any, batch: Arrays) -> None:
    """Save variables as TensorFlow 1 did, with those of an optimizer, and the reference's outputs."""
    directory.mkdir()
    config.architectures = ["ConvBertModel"]
    config.save_pretrained(directory)
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        for name, shape in authors_variables(config).items():
            mean = 1.0 if name.endswith("gamma") else 0.0
            value = (mean + 0.2 * RANDOM.standard_normal(shape)).astype(np.float32)
            v1.get_variable(name, initializer=tf.constant(value))
            v1.get_variable(f"{name}/adam_m", initializer=tf.zeros(shape))
            v1.get_variable(f"{name}/adam_v", initializer=tf.zeros(shape))
        v1.train.get_or_create_global_step()
        session.run(v1.global_variables_initializer())
        path = v1.train.Saver().save(session, str(directory / "model.ckpt"), global_step=1000)
    model = load_tf_weights_in_convbert(transformers.ConvBertModel(config).eval(), config, path)
    with torch.inference_mode():
        hidden = model(**{name: torch.from_numpy(array) for name, array in batch.items()}).last_hidden_state
    np.savez(directory / "expected.npz", **batch, last_hidden_state=hidden.numpy())


def main(folder: Path) -> None:
    folder.mkdir(parents=True)
    for architecture in ARCHITECTURES:
        source = CHECKPOINTS / f"{architecture}-question-answering"
        config = transformers.ConvBertConfig.from_pretrained(source)
        batch = inputs(config.vocab_size, 3, 14, padded=True)
        model = transformers.TFConvBertForQuestionAnswering.from_pretrained(source, from_pt=True)
        write_h5(folder / f"{architecture}-ForQuestionAnswering", model, batch)
        write_tf1(folder / f"tf1-{architecture}", config, batch)
        for head in HEADS:
            config = transformers.ConvBertConfig.from_pretrained(source, num_labels=3)
            model = getattr(transformers, f"TFConvBert{head}")(config)
            model.build_in_name_scope()
            randomize(model)
            shape = (2, 3, 14) if head == "ForMultipleChoice" else (3, 14)
            write_h5(folder / f"{architecture}-{head}", model, inputs(config.vocab_size, *shape, padded=False))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
