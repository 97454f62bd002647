"""Measurements beside the peers: ``python -m benchmarks`` makes the environment, the files and the tables by itself.

Every contestant is a process of its own that opens one file and waits; they take turns on the same shapes.
"""
