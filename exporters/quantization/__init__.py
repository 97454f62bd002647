"""From an fp32 file to a quantized one: calibration, rewriting, comparison with the original."""
