"""Fuzzing: every kind of input from outside, mutated, and run in a process of its own that is watched."""
