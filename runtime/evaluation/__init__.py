"""Metrics on labelled data; the module named as a task has the task's readers, predictions and metrics."""
