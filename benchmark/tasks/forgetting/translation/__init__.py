"""The small Transformer of `forgetting.multilingual`, and what its methods share."""
