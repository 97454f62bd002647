"""Measure the time, memory and profile of an exported model."""
