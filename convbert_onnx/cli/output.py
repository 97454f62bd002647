"""Text for people: summaries of exports, files, benchmarks and evaluations."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from convbert_onnx.bundle import Comparison, ExportRecord
from convbert_onnx.operators import DOMAIN

if TYPE_CHECKING:  # the runtime needs numpy, and --help does not
    from convbert_onnx.runtime.benchmarking.benchmark import Benchmark, ShapeTimes
    from convbert_onnx.runtime.evaluation.evaluate import Evaluation

__all__ = [
    "describe_benchmark",
    "describe_conversion",
    "describe_evaluation",
    "describe_export",
    "describe_file",
]

MAX_OPERATORS = 12
"""Operators that a profile shows by name."""


def describe_conversion(
    *, source: str, directory: str, head: str, parameters: int, sha256: str, tokenizer: tuple[str, ...]
) -> str:
    """One line about a converted checkpoint. The hash is in the JSON output only."""
    files = ", ".join(tokenizer) or "none found"
    return f"{directory}: {head} of {source}, {parameters:,} parameters; tokenizer: {files}"


def describe_export(record: ExportRecord, file: str, size: int) -> str:
    """The summary of an exported or quantized file."""
    return _columns(
        {
            "file": f"{file} ({_megabytes(size)})",
            "task": record.task,
            "model": f"{record.source}, {record.parameters:,} parameters",
            "format": f"{record.target}, {record.precision}{f' for {record.cpu}' if record.cpu else ''}, "
            f"opset {record.opset}, IR version {record.ir_version}, padding {record.padding}",
            **_operators(record.operators),
            "worst difference": "not compared with PyTorch, the graph is unchanged"
            if record.worst_difference is None
            else f"{record.worst_difference:.1e} to PyTorch{' as fp32' if record.comparison else ''} over "
            f"{len(record.validated)} shapes (allowed {record.tolerance:.0e})",
            **_compared(record.comparison),
        }
    )


def _compared(comparison: Comparison | None) -> dict[str, str]:
    """The comparison with fp32, if the file is quantized."""
    if comparison is None:
        return {}
    mean, worst = comparison.mean_difference, comparison.worst_difference
    line = f"outputs differ by {mean:.1e} on average, {worst:.1e} at most"
    if comparison.same_answers is not None:
        line = f"{comparison.same_answers} of {comparison.texts} answers unchanged; {line}"
    lines = {"against fp32": line}
    if comparison.data is not None:
        metric = f"{comparison.metric} {comparison.after:.4f}, in fp32 {comparison.before:.4f}"
        lines["evaluated"] = f"{metric}, on {comparison.data} ({comparison.texts} examples)"
    return lines


def _operators(operators: Mapping[str, int]) -> dict[str, str]:
    """A line for our domain, whose operators have ONNX functions in the file, and one for onnxruntime's."""
    lines = {}
    for domain, title, remark in (
        (DOMAIN, "our operators", " (ONNX function inside as fallback)"),
        ("com.microsoft", "onnxruntime's", ""),
    ):
        names = [f"{count} x {name.rpartition('.')[2]}" for name, count in operators.items() if name.startswith(domain)]
        if names:
            lines[title] = ", ".join(names) + remark
    return lines or {"our operators": "none, standard ONNX only"}


def describe_file(info: Mapping[str, Any]) -> str:
    """The text of ``convbert-onnx inspect``."""
    interface = {
        name: ", ".join(f"{key} {_shape(shape)}" for key, shape in info[name].items()) for name in ("inputs", "outputs")
    }
    if info["record"] is None:
        origin = {"file": f"{info['file']} ({_megabytes(info['bytes'])})", "origin": "not exported by convbert-onnx"}
        return _columns(origin | interface)
    record = ExportRecord.from_dict(info["record"])
    config, tokenizer = info["config"], info["tokenizer"]
    shapes = [
        f"  {shape.batch:>3} x {shape.sequence:<4} {'padded' if shape.padded else '':<7} {shape.difference:.1e}"
        for shape in record.validated
    ]
    lengths = f"at most {tokenizer.get('model_max_length') or config['max_position_embeddings']} tokens"
    return "\n".join(
        (
            describe_export(record, info["file"], info["bytes"]),
            _columns(
                {
                    "kernels": info["kernels"],
                    **({"int8": info["int8"]} if info["int8"] else {}),
                    **interface,
                    "sizes": f"hidden {config['hidden_size']}, layers {config['num_hidden_layers']}, kernel "
                    f"{config['conv_kernel_size']}, vocabulary {config['vocab_size']}",
                    "labels": ", ".join(config["id2label"].values()),
                    "tokenizer": f"{'lower-casing' if tokenizer.get('do_lower_case') else 'cased'}, {lengths}",
                    "weights": f"sha256 {record.source_sha256}",
                    **_verified(info["differs"]),
                    "made with": ", ".join(f"{name} {number}" for name, number in record.tools.items()),
                }
            ),
            *(["difference to PyTorch by batch x length", *shapes] if shapes else []),
        )
    )


def _verified(differs: Sequence[str] | None) -> dict[str, str]:
    """The result of ``--verify``, if it was given."""
    if differs is None:
        return {}
    return {
        "verified": f"NO, changed since export: {', '.join(differs)}" if differs else "yes, all parts are unchanged"
    }


def describe_benchmark(result: "Benchmark") -> str:
    """Times by shape, and times by operator if they were measured."""
    memory = "unknown on this system" if result.peak_memory is None else _megabytes(result.peak_memory)
    head = _columns(
        {
            "file": f"{result.file} ({_megabytes(result.bytes)})",
            "task": result.task,
            "runs on": f"onnxruntime {result.engine}, {', '.join(result.providers)}, threads {result.threads}",
            "kernels": result.kernels,
            "opened in": f"{result.open_ms:.0f} ms",
            "peak memory": memory,
        }
    )
    times = [
        (
            shape.name,
            str(shape.runs),
            *(f"{value:.2f}" for value in (shape.p50_ms, shape.p95_ms, shape.p99_ms)),
            f"{shape.texts_per_s:,.1f}",
            f"{shape.tokens_per_s:,.0f}",
        )
        for shape in result.shapes
    ]
    parts = [head, _table([("shape", "runs", "p50 ms", "p95 ms", "p99 ms", "texts/s", "tokens/s"), *times])]
    parts += [_describe_operators(shape) for shape in result.shapes if shape.operators]
    return "\n\n".join(parts)


def describe_evaluation(result: "Evaluation") -> str:
    """Each metric in per cent; the main one has a confidence interval."""
    metrics = {name.replace("_", " "): f"{100 * value:.1f} %" for name, value in result.metrics.items()}
    low, high = (100 * bound for bound in result.interval)
    main = result.main.replace("_", " ")
    metrics[main] += f" (95 % interval {low:.1f} to {high:.1f} %, {result.interval_method})"
    return _columns(
        {
            "file": result.file,
            "task": result.task,
            "data": f"{result.data}, {result.examples:,} examples in {result.seconds:.1f} s",
            **metrics,
        }
    )


def _describe_operators(shape: "ShapeTimes") -> str:
    shown, rest = shape.operators[:MAX_OPERATORS], shape.operators[MAX_OPERATORS:]
    rows = [(one.operator, str(one.count), f"{one.ms:.3f}", f"{100 * one.share:.1f}") for one in shown]
    if rest:
        count, ms, share = (sum(getattr(one, name) for one in rest) for name in ("count", "ms", "share"))
        rows.append((f"{len(rest)} others", str(count), f"{ms:.3f}", f"{100 * share:.1f}"))
    return _table([(f"operators at {shape.name}", "count", "ms", "share %"), *rows])


def _columns(rows: Mapping[str, str]) -> str:
    return "\n".join(f"{name:<17} {text}" for name, text in rows.items())


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Rows with their columns aligned: the first to the left, numbers to the right."""
    first, *widths = (max(map(len, column)) for column in zip(*rows, strict=True))
    lines = ((row[0].ljust(first), *map(str.rjust, row[1:], widths)) for row in rows)
    return "\n".join("  ".join(line) for line in lines)


def _megabytes(size: int) -> str:
    return f"{size / 2**20:.1f} MB"


def _shape(shape: list[Any]) -> str:
    return f"[{', '.join(map(str, shape))}]"
