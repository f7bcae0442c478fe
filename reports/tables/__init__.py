"""Ranked tables as text: terminal, Markdown, CSV, and the cells that all of them draw."""
