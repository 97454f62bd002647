"""Metrics on labelled data."""
