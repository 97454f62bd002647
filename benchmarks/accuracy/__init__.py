"""Accuracy benchmark: how quantization changes the answers of trained models.

``python -m benchmarks.accuracy FOLDER``, where FOLDER has the data listed in ``data.py``, trains a small model for each
task, quantizes it with every method, ours and optimum's, and counts the unchanged answers.
"""
