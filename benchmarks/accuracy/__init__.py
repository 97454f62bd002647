"""What quantization does to the answers of trained models.

``python -m benchmarks.accuracy FOLDER``, where FOLDER has the data that ``data.py`` names, trains a small model for
each task, quantizes it in every way, ours and optimum's, and counts the answers that stay the same.
"""
