"""Fuzzing: mutates every kind of external input, and runs it in a monitored worker process."""
