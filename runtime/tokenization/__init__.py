"""Tokenizers: text to rows of token ids, with the results of the reference's tokenizers."""
