"""The standard networks that tracks hand out."""
