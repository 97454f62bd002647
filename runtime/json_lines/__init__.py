"""Answer JSON Lines, one call per line, in runs that can be interrupted and resumed."""
