"""onnxruntime sessions: providers, threads, native kernels, and what this CPU needs."""
