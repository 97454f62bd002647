"""One pipeline per task: from a call's arguments to rows of tokens, and from the model's outputs to a result."""
