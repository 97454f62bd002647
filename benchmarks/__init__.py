"""Latency, memory and cold-start benchmarks against transformers, optimum and OpenVINO.

``python -m benchmarks`` creates its own environment under ``build/``, writes the model files, measures them, and saves
the results in ``benchmarks/results``; ``python -m benchmarks --quick`` is a trial of a few minutes, and ``--help``
lists the options. Each backend runs one file in its own process; the backends are interleaved at the same shapes.
"""
