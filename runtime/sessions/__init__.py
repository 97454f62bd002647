"""onnxruntime sessions: providers, threads, native kernels, and settings for this CPU."""
