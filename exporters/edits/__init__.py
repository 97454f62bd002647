"""Graph edits: one rewrite per module, and the list of those that an export applies."""
