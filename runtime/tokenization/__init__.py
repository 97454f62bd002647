"""Tokenizers: text to rows of token ids, as the reference's tokenizers do it."""
