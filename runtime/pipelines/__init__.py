"""One pipeline per task: from a call's arguments to rows of tokens, and from the model's outputs to a result.

The module of a task is named as the task, with underscores, and has its pipeline as ``PIPELINE``.
"""
