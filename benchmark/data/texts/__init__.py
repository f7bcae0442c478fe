"""Sentences beside their translations, and where they come from."""
