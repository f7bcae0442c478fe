"""Figures of `forgetting.multilingual`."""

from reports.figures.forgetting.translations import (
    bleu_by_language,
    cosine_by_distance,
    cosines_by_family,
    cosines_over_training,
)

FIGURES = (cosine_by_distance, bleu_by_language, cosines_by_family, cosines_over_training)
