"""The picture of a network's borders: what is in it, whatever there is to show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reports.drawing.borders import Answer, save


def test_answers_are_chosen_from_the_first_to_the_last(tmp_path: Path) -> None:
    answers = [Answer(f"layer{index}", np.full((9, 9), index), index / 8) for index in range(15)]
    answers.append(Answer("small", np.ones((1, 1)), 0.0))
    save(tmp_path / "all.svg", "a network", np.ones((64, 65)), answers)
    text = (tmp_path / "all.svg").read_text()
    shown = [index for index in range(15) if f"<!-- layer{index}\n" in text or f"<!-- layer{index} -->" in text]
    assert len(shown) == 8
    assert (shown[0], shown[-1]) == (0, 14)
    assert "<!-- small" not in text
    assert "mean of 2×2 pixels" in text
    assert "<!-- a network -->" in text


@pytest.mark.parametrize("paths", [None, np.ones((3, 40))])
def test_nothing_to_show_is_said(tmp_path: Path, paths: np.ndarray | None) -> None:
    save(tmp_path / "none.svg", "a network", paths, [])
    text = (tmp_path / "none.svg").read_text()
    assert "<!-- no map large enough to show a border -->" in text
    assert ("<!-- paths cannot be counted here -->" in text) == (paths is None)
