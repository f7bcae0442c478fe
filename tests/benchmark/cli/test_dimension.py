"""`heptathlon dimension`: clouds of known dimension from every kind of place, and what it says where there is none."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmark.seeding import numpy_generator

Command = Callable[..., CompletedProcess[str]]

OWN = '''
"""An estimator of a user's."""
import torch
from benchmark.tasks.sample_efficiency import intrinsic_dimension

@intrinsic_dimension.track.method("always-seven", paper="none")
class AlwaysSeven:
    def __init__(self, setup):
        self.setup = setup

    def estimate(self, points):
        return torch.full((len(self.setup.neighbours),), 7.0)
'''


def plane(points: int = 600) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Uniform in a square that is turned into 3 x 4 coordinates."""
    rng = numpy_generator(0, "plane", points)
    frame = np.linalg.qr(rng.normal(size=(12, 2)))[0]
    return (rng.random((points, 2)) @ frame.T).reshape(points, 3, 4)


def paint(folder: Path, *, count: int = 60, mode: str = "L") -> None:
    """Images in folders of folders: noise, all different, and the last the same as the first."""
    rng = numpy_generator(0, "painted")
    for index in range(count):
        path = folder / f"{index % 3}" / "more" / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (6, 5) if mode == "L" else (6, 5, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    (folder / "0" / "more" / "last.png").write_bytes((folder / "0" / "more" / "0.png").read_bytes())
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "x.png").write_text("no image")


def test_an_array(command: Command, tmp_path: Path) -> None:
    np.save(tmp_path / "plane.npy", np.concatenate([plane(), plane()[:7]]))
    done = command("dimension", "plane.npy")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "plane.npy: 600 points of 12 coordinates, 7 equal to another dropped"
    assert lines[1].split() == ["method", "points", "k", "=", "3", "k", "=", "5", "k", "=", "10", "k", "=", "20"]
    rows = [line.split() for line in lines[2:11]]
    assert [row[0] for row in rows[::3]] == ["mle", "mle-released", "two-nn-trimmed"]
    assert [row[0] for row in rows[1:3]] == ["300", "150"]
    assert float(rows[0][2]) == pytest.approx(2, rel=0.15)
    assert rows[0][3] == "±"
    assert "95 % intervals from 10 random halves (delete-half jackknife)" in done.stdout
    assert "it is 0.50 at 3, 0.75 at 5, 0.89 at 10, 0.95 at 20 of mle's" in done.stdout


def test_json_and_the_same_again(command: Command, tmp_path: Path) -> None:
    np.savez(tmp_path / "plane.npz", plane=plane().astype(np.float32))
    words = ("dimension", "plane.npz", "--k", "5, 3", "--points", "300", "--method", "mle", "--method", "pca", "--json")
    first = command(*words)
    found = json.loads(first.stdout)
    assert (found["what"], found["points"], found["duplicates"], found["coordinates"]) == ("plane.npz", 300, 0, 12)
    assert found["neighbours"] == [3, 5]
    assert list(found["methods"]) == ["mle", "pca"]
    assert found["methods"]["pca"]["estimates"] == [2, 2]
    assert found["methods"]["pca"]["half_widths"] == [0, 0]
    maximum = found["methods"]["mle"]
    assert list(maximum["by_points"]) == ["75", "150", "300"]
    assert maximum["by_points"]["300"] == maximum["estimates"]
    assert all(0.05 < half < 0.8 for half in maximum["half_widths"])
    assert command(*words).stdout == first.stdout
    other = json.loads(command(*words, "--seed", "1").stdout)
    assert other["methods"]["mle"]["estimates"] != maximum["estimates"]


def test_intervals_are_as_wide_as_samples_differ(command: Command, tmp_path: Path) -> None:
    """The standard deviation of mle over samples of a plane is 2 / sqrt(n (k - 1)), about: neighbours share points."""
    np.save(tmp_path / "plane.npy", plane(1000))
    words = ("dimension", "plane.npy", "--k", "10", "--method", "mle", "--repeats", "30", "--json")
    found = json.loads(command(*words).stdout)["methods"]["mle"]
    assert found["half_widths"][0] == pytest.approx(2.05 * 2 / (1000 * 9) ** 0.5, rel=0.6)


@pytest.mark.parametrize("packed", [False, True])
def test_images_of_the_users(command: Command, tmp_path: Path, packed: bool) -> None:
    paint(tmp_path / "mine")
    if packed:
        with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
            for path in sorted((tmp_path / "mine").rglob("*.png")):
                archive.write(path, path.relative_to(tmp_path))
    what = "mine.zip" if packed else "./mine"
    grey = command("dimension", what, "--k", "3")
    assert grey.returncode == 0, grey.stderr
    assert f"{what}: 60 points of 30 coordinates, 1 equal to another dropped" in grey.stdout
    small = json.loads(command("dimension", what, "--k", "3", "--size", "3x4", "--points", "40", "--json").stdout)
    assert (small["points"] + small["duplicates"], small["coordinates"]) == (40, 12)


def test_images_of_colours(command: Command, tmp_path: Path) -> None:
    paint(tmp_path / "mine", mode="RGB")
    assert "60 points of 90 coordinates" in command("dimension", "./mine", "--k", "3").stdout


def test_a_dataset_that_is_drawn(command: Command) -> None:
    done = command("dimension", "glyphs", "--points", "120", "--size", "10", "--k", "3", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["points"] + found["duplicates"], found["coordinates"]) == (120, 100)


def test_a_plugin(command: Command, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    np.save(tmp_path / "plane.npy", plane())
    words = ("dimension", "plane.npy", "--plugin", "own.py", "--method", "always-seven", "--k", "3", "--json")
    done = command(*words)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["methods"]["always-seven"]["estimates"] == [7]


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_a_picture(command: Command, tmp_path: Path, ending: str) -> None:
    np.save(tmp_path / "plane.npy", plane(200))
    files = [tmp_path / "drawn" / f"{index}.{ending}" for index in range(2)]
    for file in files:
        done = command("dimension", "plane.npy", "--out", file, "--k", "3,5")
        assert done.returncode == 0, done.stderr
        assert f"picture: {file}" in done.stdout
    first, second = (file.read_bytes() for file in files)
    assert len(first) > 4000
    assert first == second


def test_one_number_of_neighbours_and_no_quarters_are_drawn_too(command: Command, tmp_path: Path) -> None:
    np.save(tmp_path / "few.npy", plane(14))
    done = command("dimension", "few.npy", "--k", "3", "--out", "few.png", "--method", "mle")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "few.png").is_file()


NAN = plane(50)
NAN[3, 1, 1] = np.nan


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["mnits"], 2, "no dataset 'mnits'; did you mean 'mnist'?"),
        (["gaussian-tokens"], 2, "is a dataset of the kind 'vectors'; this needs images"),
        (["none.npy"], 2, "no file or folder none.npy; name a dataset"),
        (["./none"], 2, "no file or folder ./none"),
        (["empty"], 1, "no image below empty; one ends in .bmp"),
        (["broken"], 1, "cannot read the image a.png in broken"),
        (["words.txt"], 2, "cannot read words.txt; name a folder or zip of images"),
        (["words.npy"], 1, "cannot read words.npy:"),
        (["line.npy"], 1, "line.npy holds float64 of shape (9,); save real numbers (n, ...)"),
        (["letters.npy"], 1, "save real numbers"),
        (["both.npz"], 1, "both.npz holds 2 arrays (a, b); save one alone"),
        (
            ["plane.npy", "--k", "26"],
            2,
            "k = 26 needs 54 different points, as intervals come from halves; there are 50",
        ),
        (["constant.npy"], 2, "there are 1: ask for fewer neighbours"),
        (["nan.npy"], 1, "1 of 50 points hold NaN or infinity; remove them"),
        (["corners.npy", "--k", "3"], 1, "mle, on 10 points: no finite dimension at k = 3"),
        (["plane.npy", "--k", "2"], 2, "--k 2 names no numbers of neighbours from 3; write 3,5,10,20"),
        (["plane.npy", "--k", "3,x"], 2, "--k 3,x names no numbers"),
        (["plane.npy", "--size", "big"], 2, "--size big is no size; write 32"),
        (["plane.npy", "--size", "3"], 2, "only images can be brought to a size"),
        (["plane.npy", "--method", "mlf"], 2, "did you mean 'mle'?"),
        (["plane.npy", "--out", "map.gif"], 2, "cannot draw map.gif; name a file that ends in .png, .pdf, .svg"),
    ],
)
def test_what_cannot_be(command: Command, tmp_path: Path, words: list[str], code: int, said: str) -> None:
    for folder in ("empty", "broken"):
        (tmp_path / folder).mkdir()
    for name in ("broken/a.png", "words.txt", "words.npy"):
        (tmp_path / name).write_text("words")
    arrays = {
        "line": np.zeros(9), "letters": np.array([["a"], ["b"]]), "plane": plane(50), "constant": np.ones((50, 4)),
        "nan": NAN, "corners": np.eye(40),
    }  # fmt: skip
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
    np.savez(tmp_path / "both.npz", a=plane(9), b=plane(9))
    done = command("dimension", *words)
    assert said in done.stderr
    assert done.returncode == code
