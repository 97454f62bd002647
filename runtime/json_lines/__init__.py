"""JSON Lines in, JSON Lines out: one call per line, resumable."""
