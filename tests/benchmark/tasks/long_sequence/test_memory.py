"""What a call needs at its peak, as the judge measures it on a contestant's process; linear forms need it linear."""

from __future__ import annotations

import sys

import pytest
import torch

from benchmark.contestant.in_process import InProcess
from benchmark.contestant.process import Spec
from benchmark.contestant.remote import Limits, Remote
from benchmark.tasks.long_sequence import decode, encode

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the peak")
HEADS, DIM = 8, 64


def remote(name: str, track: str = "encode", *, batch: int = 1, longest: int = 0) -> Remote:
    setup = {
        "seed": 100,
        "track": f"long_sequence.{track}",
        "device_name": "cpu",
        "batch": batch,
        "heads": HEADS,
        "dim": DIM,
    }
    chosen = {"encode": encode.track, "decode": decode.track}[track].find(name)
    setup |= {"longest": longest} if track == "decode" else {}
    return Remote(Spec(chosen.track, name, chosen.origin, setup, 1), Limits(300.0, 8 * 2**30))


def needed(player: Remote, call: str, length: int, *, batch: int = 1) -> int:
    """Bytes of a call, its inputs included."""
    arguments = [torch.zeros(batch, HEADS, length, DIM) for _ in range(4 if call == "gradients" else 3)]
    player.call(call, *(x[:, :, :2048] for x in arguments))  # loads what is loaded once
    beyond = player.peak(call, *arguments, phase="second")[1]
    assert beyond is not None
    return beyond + sum(x.nbytes for x in arguments)


def test_weights_written_out_cost_the_square() -> None:
    with remote("softmax-plain") as player:
        small, large = (needed(player, "forward", length) for length in (512, 1024))
    assert large > HEADS * 1024**2 * 4
    assert 3 < large / small < 5


def test_the_output_counts_and_what_came_before_does_not() -> None:
    with remote("local-window") as player:
        first = needed(player, "forward", 4096)
        assert needed(player, "forward", 4096) == pytest.approx(first, rel=0.1)
    data = HEADS * 4096 * DIM * 4
    assert 4 * data <= first < 6 * data


def test_in_the_judges_own_process_nothing_is_said() -> None:
    chosen = encode.track.find("softmax")
    setup = {"seed": 0, "track": "long_sequence.encode", "device_name": "cpu", "batch": 1, "heads": HEADS, "dim": DIM}
    x = torch.zeros(1, HEADS, 8, DIM)
    with InProcess(Spec(chosen.track, "softmax", chosen.origin, setup, 1)) as player:
        reply, told = player.peak("forward", x, x, x, phase="forward")
    assert reply.shape == x.shape
    assert told is None


def test_several_calls_under_one_clock() -> None:
    with remote("softmax") as player:
        calls = [tuple(torch.full((1, HEADS, 8, DIM), float(value)) for _ in range(3)) for value in range(3)]
        replies = player.burst("forward", calls, phase="forward")
        assert [float(reply.mean()) for reply in replies] == pytest.approx([0, 1, 2])
        once = player.seconds("forward")
        player.call("forward", *calls[0])
        assert player.seconds("forward") > once > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["linear", "performer", "performer-relu", "rfa"])
def test_memory_of_linear_attention_is_linear(name: str) -> None:
    """From 4,096 to 16,384 tokens it grows fourfold, to 10 %: forward, with gradients, and causal.

    In batches of four, beside which the blocks that every call works in, some 5 to 12 MiB, do not count.
    """
    for track, call in (("encode", "forward"), ("encode", "gradients"), ("decode", "read")):
        sizes = []
        for length in (4096, 16384):
            with remote(name, track, batch=4, longest=20_000 if track == "decode" else 0) as player:
                sizes.append(needed(player, call, length, batch=4))
        assert sizes[1] / sizes[0] == pytest.approx(4, rel=0.1), call
