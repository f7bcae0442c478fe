"""`heptathlon padding`: what it says of networks that everyone knows, and of those that nobody does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Command = Callable[..., CompletedProcess[str]]

OWN = '''
"""Networks of a user's."""
from torch import nn
from beside import WIDTH

class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(1, WIDTH, 3, 2, 1), nn.ReLU(), nn.Conv2d(WIDTH, 2, 3, padding=1))

made = Net()

def dense():
    return nn.Sequential(Net(), nn.Flatten(), nn.Linear(8, 2))

def number():
    return 3

def broken():
    return nn.Conv2d(1, 1)
'''


@pytest.fixture
def own(tmp_path: Path) -> str:
    (tmp_path / "beside.py").write_text("WIDTH = 4\n")
    (tmp_path / "own.py").write_text(OWN)
    return "own.py"


def test_an_uneven_size_and_an_even_one(command: Command) -> None:
    done = command("padding", "resnet18", "--size", "64")
    assert done.returncode == 0
    words = [line.split() for line in done.stdout.splitlines()]
    assert words[0] == ["layer", "kind", "kernel", "stride", "padding", "map", "unread", "rows", "unread", "columns"]
    assert words[1] == ["conv1", "convolution", "7x7", "2x2", "3x3", "64x64", "1", "1"]
    assert words[2] == ["maxpool", "max", "pooling", "3x3", "2x2", "1x1", "32x32", "1", "1"]
    assert [line[0] for line in words[3:6]] == [f"layer{index}.0.conv1" for index in (2, 3, 4)]
    assert "resnet18 at 64x64: 5 of 18 padded layers apply their padding unevenly" in done.stdout
    assert "even sizes: 65, 33, 97" in done.stdout
    assert "note: without padding, and with the last row or column unread: layer2.0.downsample.0" in done.stdout

    even = command("padding", "resnet18", "--size", "65")
    assert "resnet18 at 65x65: none: padding is applied evenly everywhere" in even.stdout


def test_json_with_another_fill(command: Command) -> None:
    done = command("padding", "mobilenet_v2", "--size", "64x97", "--fill", "symmetric", "--json")
    found = json.loads(done.stdout)
    assert (found["model"], found["fill"], found["size"], found["even"]) == (
        "mobilenet_v2",
        "symmetric",
        [64, 97],
        False,
    )
    assert [each["uneven"] for each in found["layers"] if each["stride"] == [2, 2]] == [[True, False]] * 5
    assert found["even_sizes"] == {"heights": [65, 33, 97], "widths": [97, 129, 65]}
    assert len(found["artefacts"]) == 52
    assert max(found["artefacts"].values()) < 1e-3
    assert found["foveation"]["top"] > 1 > found["foveation"]["bottom"]
    assert found["foveation"]["left"] == pytest.approx(found["foveation"]["right"])


def test_a_detector_and_attention_are_said_to_be_so(command: Command) -> None:
    detector = command("padding", "ssdlite320_mobilenet_v3_large", "--size", "64")
    assert detector.returncode == 0
    assert "note: this is a detector: its backbone is what was looked at" in detector.stdout
    attentive = command("padding", "swin_t", "--size", "64")
    assert attentive.returncode == 0
    assert "note: no foveation: paths through attention are not counted" in attentive.stdout


@pytest.mark.parametrize("name", ["Net", "made", "dense"])
def test_a_network_of_the_users(own: str, name: str, command: Command) -> None:
    done = command("padding", f"{own}:{name}", "--size", "12")
    assert done.returncode == 0, done.stderr
    assert f"own.py:{name} at 12x12: 1 of 2 padded layers apply their padding unevenly" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["resnet17"], "no model of torchvision 'resnet17'; did you mean 'resnet18'?"),
        (["resnet18", "--fill", "mirrors"], "no fill 'mirrors'; known: circular,"),
        (["resnet18", "--size", "big"], "--size big is no size; write 224, or 480x640"),
        (["resnet18", "--size", "0"], "images of 0x0 have no pixel"),
        (["inception_v3", "--size", "40"], "the images are too small: Mixed_6a.branch3x3.conv spans 3x3 cells"),
        (["resnet18", "--out", "map.gif"], "cannot draw map.gif; name a file that ends in .png, .pdf, .svg"),
        (["none.py:Net"], "no file none.py; give a model of torchvision, or path/to/file.py:name"),
        (["own.py"], "no name in own.py ''; known: Net, broken, dense, made, number"),
        (["own.py:Ned"], "no name in own.py 'Ned'; did you mean 'Net'?"),
        (["own.py:number"], "own.py:number makes a int; it must make an nn.Module"),
    ],
)
def test_wrong_use(own: str, words: list[str], said: str, command: Command) -> None:
    done = command("padding", *words)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_file_that_fails(own: str, tmp_path: Path, command: Command) -> None:
    done = command("padding", f"{own}:broken")
    assert done.returncode == 1
    assert "own.py:broken fails when called: line 19: TypeError:" in done.stderr
    (tmp_path / "worse.py").write_text("import math\nmath.sqroot(2)\n")
    done = command("padding", "worse.py:Net")
    assert done.returncode == 1
    assert "worse.py cannot be run: line 2: AttributeError:" in done.stderr


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_a_picture(own: str, ending: str, tmp_path: Path, command: Command) -> None:
    files = [tmp_path / "maps" / f"{index}.{ending}" for index in range(2)]
    for file in files:
        done = command("padding", f"{own}:made", "--size", "16", "--out", file)
        assert done.returncode == 0, done.stderr
        assert f"picture: {file}" in done.stdout
    first, second = (file.read_bytes() for file in files)
    assert len(first) > 4000
    assert first == second
