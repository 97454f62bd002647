"""Time, memory and profile of an exported model."""
