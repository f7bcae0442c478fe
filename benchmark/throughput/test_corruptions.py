"""Corruptions, in images per second at 32x32x3, and one step of each way to adapt against the plain answer.

On one thread, as the judge and contestants run. 10,000 images through all fifteen corruptions and five severities take
750,000 / (mean of the rates, harmonic) seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from benchmark.seeding import generator
from benchmark.tasks.test_time_shift import corruption
from benchmark.tasks.test_time_shift.corruption import AdaptationSetup
from benchmark.tasks.test_time_shift.corruptions import HELD_OUT, NAMES, SEVERITIES, corrupt
from benchmark.throughput import plugged

_SETUP = AdaptationSetup(
    seed=0, track=corruption.track.name, device_name="cpu", image_shape=(3, 32, 32), classes=10, widths=(16, 32, 64),
    blocks=1, mean=(0.5,) * 3, std=(0.25,) * 3, batch_size=200,
)  # fmt: skip
_METHODS = ("source", "batch-norm", "batch-norm-mixed", "tent", "pseudo-label", "eata", "sar", "memo")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """As the judge and contestants have."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.benchmark(group="corruptions: 5 severities at 32x32x3")
@pytest.mark.parametrize("name", [*NAMES, *HELD_OUT])
def test_corruption(benchmark: BenchmarkFixture, name: str) -> None:
    """All severities of one corruption."""
    count = 20 if benchmark.disabled else 200
    images = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator(0, "images"))

    def every() -> list[torch.Tensor]:
        return [corrupt(images, name, severity, generator=generator(0, name, severity)) for severity in SEVERITIES]

    found = benchmark.pedantic(every, rounds=3, warmup_rounds=1)  # type: ignore[no-untyped-call]
    if benchmark.stats:  # not where timing is off
        benchmark.extra_info["images_per_second"] = round(len(SEVERITIES) * count / benchmark.stats.stats.min)
    assert all(not torch.equal(images, changed) for changed in found)


@pytest.mark.benchmark(group="corruptions: 15 at 5 severities, 100 images of 32x32x3")
@pytest.mark.parametrize("by", ["benchmark", "imagecorruptions"])
def test_all_settings(benchmark: BenchmarkFixture, by: str) -> None:
    """Ours against the package imagecorruptions (Michaelis et al. 2019, arXiv:1907.07484), where it is installed.

    It goes image by image, as the published code does, by its own parameters, those of ImageNet-C, which decide little
    of the time. Its version 1.1.2 needs numpy below 2 and the OpenCV, scikit-image and scipy of that time.
    """
    count = 10 if benchmark.disabled else 100
    images = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator(0, "images"))
    settings = [(name, severity) for name in NAMES for severity in SEVERITIES]

    def ours() -> int:
        return len([corrupt(images, name, severity, generator=generator(0, name)) for name, severity in settings])

    if by == "imagecorruptions":
        theirs = pytest.importorskip(by, reason="compares with it where it is installed", exc_type=ImportError)
        pytest.importorskip("cv2").setNumThreads(1)
        pixels = list(images.permute(0, 2, 3, 1).contiguous().numpy())

        def every() -> int:
            for name, severity in settings:
                for image in pixels:
                    theirs.corrupt(image, severity=severity, corruption_name=name)
            return len(settings)

    else:
        every = ours
    assert benchmark.pedantic(every, rounds=1, warmup_rounds=int(every is ours)) == 75  # type: ignore[no-untyped-call]
    if benchmark.stats:
        benchmark.extra_info["images_per_second"] = round(75 * count / benchmark.stats.stats.min)


@pytest.mark.benchmark(group="test-time adaptation: a batch of 200 at 32x32x3")
@pytest.mark.parametrize("name", _METHODS)
def test_adaptation(benchmark: BenchmarkFixture, name: str) -> None:
    """Answer and step of one batch; `source` is the plain answer. The network is a ResNet-8 of widths 16, 32, 64."""
    count = 10 if benchmark.disabled else _SETUP.batch_size
    images = torch.rand(count, 3, 32, 32, generator=generator(0, "batch"))
    method: Any = plugged.method(corruption.track.name, name)(_SETUP)
    method.begin(_SETUP.model().state_dict(), images)
    scores = benchmark.pedantic(method.adapt, args=(images,), rounds=5, warmup_rounds=2)  # type: ignore[no-untyped-call]
    if benchmark.stats:
        benchmark.extra_info["images_per_second"] = round(count / benchmark.stats.stats.min)
    assert scores.shape == (count, 10)
    assert scores.isfinite().all()
