"""A policy over stacked frames with a self-supervised head beside it, many copies of it at once.

The layout of PAD (Hansen et al. 2021, arXiv:2007.04309, section 3.2 and the released code), smaller: shared
convolutions, then one branch for the actions and one for the self-supervised task, each with convolutions of its own,
a linear projection, layer norm, tanh, and a head. Every weight has a leading dimension of `copies`, so that as many
episodes adapt their own network in the same tensor operations (convolutions in groups).

Crops are free. The convolutions have no padding, so what they see of a crop of the frame is a crop of what they see of
the frame; the projection slides over all of them as one more convolution. Offsets of crops are multiples of the first
stride. So a batch of 32 random crops of one transition costs two passes of whole frames, not 64 of crops.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.errors import UsageError

KERNEL = 3
STRIDE = 2
"""Of the first convolution; the others have 1."""
HEADS = ("inverse", "rotation")
ROTATIONS = 4


@dataclass(frozen=True, slots=True)
class Architecture:
    """What a policy is built from.

    channels, size: of an observation;  crop: side of what the network sees at once;  filters: of every convolution;
    shared, own: convolutions that both branches share, and that each has for itself;  embedding, hidden: widths
    """

    channels: int
    size: int
    crop: int
    actions: int
    filters: int
    shared: int
    own: int
    embedding: int
    hidden: int

    def __post_init__(self) -> None:
        if self.left < 1:
            raise UsageError(
                f"a crop of {self.crop} pixels is used up by {self.shared + self.own} convolutions; take a larger crop "
                "or fewer convolutions"
            )
        if self.crop > self.size or (self.size - self.crop) % (2 * STRIDE):
            raise UsageError(
                f"frames of {self.size} pixels and crops of {self.crop}: the difference must be a multiple of "
                f"{2 * STRIDE}, so that the middle crop lies on the stride"
            )

    @property
    def left(self) -> int:
        """Side of what the convolutions leave of a crop."""
        return _after(self.crop, self.shared + self.own)

    @property
    def places(self) -> int:
        """How many crops a frame has, row by row; the middle one is used for acting."""
        return ((self.size - self.crop) // STRIDE + 1) ** 2


class PixelPolicy(nn.Module):
    """`copies` policies of one architecture. head: which self-supervised task, one of `HEADS`.

    Frames are (copies, n, channels, size, size) uint8: n for each copy. Raises UsageError for another head.
    usual_loss: (copies,), the self-supervised loss that training ended with, which travels with the weights.
    """

    usual_loss: Tensor

    def __init__(self, plan: Architecture, head: str, *, copies: int, generator: torch.Generator | None) -> None:
        super().__init__()
        if head not in HEADS:
            raise UsageError(f"no self-supervised head {head!r}; choose from {', '.join(HEADS)}")
        self.plan, self.head, self.copies = plan, head, copies
        layers: list[nn.Module] = []
        for index in range(plan.shared):
            inputs, stride = (plan.filters, 1) if index else (plan.channels, STRIDE)
            layers += [GroupedConvolution(copies, inputs, plan.filters, KERNEL, stride=stride), nn.ReLU()]
        self.shared = nn.Sequential(*layers)
        self.policy = Branch(plan, copies, plan.embedding, plan.actions)
        inputs, outputs = (2 * plan.embedding, plan.actions) if head == "inverse" else (plan.embedding, ROTATIONS)
        self.self_supervised = Branch(plan, copies, inputs, outputs)
        self.register_buffer("usual_loss", torch.zeros(copies))
        if generator is not None:
            draw_weights(self, generator)

    def act(self, frames: Tensor) -> Tensor:
        """Actions (copies, n, actions) in (-1, 1), from the middle crop."""
        middle = torch.full((*frames.shape[:2], 1), self.plan.places // 2, device=frames.device)
        return self.act_at(self.maps(frames), middle).squeeze(2)

    def act_at(self, maps: Tensor, places: Tensor) -> Tensor:
        """Actions (copies, n, m, actions) from crops (copies, n, m) of what the shared convolutions gave."""
        actions: Tensor = self.policy.answer(self.policy.embed(maps, places)).tanh()
        return actions

    def maps(self, frames: Tensor) -> Tensor:
        """What the shared convolutions give, (n, copies * filters, side, side)."""
        rows = frames.transpose(0, 1).flatten(1, 2).float().div_(255)
        found: Tensor = self.shared(rows)
        return found

    def inverse_losses(self, before: Tensor, after: Tensor, actions: Tensor, places: Tensor) -> Tensor:
        """Mean squared error per copy (copies,) of the actions found from observations before and after them.

        before, after: from `maps`;  actions: (copies, n, actions);  places: (2, copies, n, m) crops, drawn
        independently for the two (the released code)
        """
        seen = [self.self_supervised.embed(maps, crops) for maps, crops in zip((before, after), places, strict=True)]
        guesses = self.self_supervised.answer(torch.cat(seen, dim=-1))
        errors: Tensor = guesses - actions.unsqueeze(2)
        return errors.square().mean((1, 2, 3))

    def rotation_losses(self, frames: Tensor, places: Tensor) -> Tensor:
        """Cross-entropy per copy (copies,) of telling by how many quarters an observation was turned.

        All quarters alike: frames (copies, n, ...), places: (copies, 4 * n, m), the quarters one after the other.
        """
        turned = torch.cat([frames.rot90(quarters, (3, 4)) for quarters in range(ROTATIONS)], dim=1)
        scores = self.self_supervised.answer(self.self_supervised.embed(self.maps(turned), places))
        truth = torch.arange(ROTATIONS, device=frames.device).repeat_interleave(frames.shape[1])
        chances = scores.log_softmax(-1)
        return -chances[:, torch.arange(len(truth)), :, truth].mean((0, 2))

    def draw_places(self, count: int, each: int, generator: torch.Generator, *shape: int) -> Tensor:
        """Draw crops (*shape, copies, count, each) int64."""
        wanted = (*shape, self.copies, count, each)
        return torch.randint(self.plan.places, wanted, generator=generator, device=generator.device)


class Branch(nn.Module):
    """Own convolutions, projection, layer norm, tanh; then a head of two layers. inputs, outputs: of the head."""

    def __init__(self, plan: Architecture, copies: int, inputs: int, outputs: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(plan.own):
            layers += [GroupedConvolution(copies, plan.filters, plan.filters, KERNEL), nn.ReLU()]
        self.own = nn.Sequential(*layers)
        self.project = GroupedConvolution(copies, plan.filters, plan.embedding, plan.left)
        self.gain = nn.Parameter(torch.ones(copies, plan.embedding))
        self.shift = nn.Parameter(torch.zeros(copies, plan.embedding))
        self.hidden = BatchedLinear(copies, inputs, plan.hidden)
        self.out = BatchedLinear(copies, plan.hidden, outputs)

    def embed(self, maps: Tensor, places: Tensor) -> Tensor:
        """Embeddings (copies, n, m, embedding) of crops (copies, n, m) of maps (n, copies * filters, side, side)."""
        copies, embedding = self.gain.shape
        every = self.project(self.own(maps)).flatten(2).view(len(maps), copies, embedding, -1).permute(1, 0, 3, 2)
        chosen = every.gather(2, places.unsqueeze(-1).expand(-1, -1, -1, embedding))
        normal = F.layer_norm(chosen, (embedding,))
        found: Tensor = torch.tanh(self.shift[:, None, None] + normal * self.gain[:, None, None])
        return found

    def answer(self, embeddings: Tensor) -> Tensor:
        """The head's outputs (copies, n, m, outputs)."""
        rows = embeddings.flatten(1, 2)
        answers: Tensor = self.out(self.hidden(rows).relu())
        return answers.view(*embeddings.shape[:3], -1)


class GroupedConvolution(nn.Module):
    """Per copy a convolution without padding: (n, copies * inputs, h, w) -> (n, copies * outputs, h', w')."""

    def __init__(self, copies: int, inputs: int, outputs: int, kernel: int, *, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.weight = nn.Parameter(torch.zeros(copies, outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(copies, outputs))

    def forward(self, maps: Tensor) -> Tensor:
        """Convolve."""
        weight = self.weight.flatten(0, 1)
        return F.conv2d(maps, weight, self.bias.flatten(), stride=self.stride, groups=len(self.weight))


class BatchedLinear(nn.Module):
    """Per copy a linear layer: (copies, n, inputs) -> (copies, n, outputs)."""

    def __init__(self, copies: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(copies, outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(copies, outputs))

    def forward(self, rows: Tensor) -> Tensor:
        """Multiply and add."""
        return torch.baddbmm(self.bias[:, None], rows, self.weight.transpose(1, 2))


@torch.no_grad()
def draw_weights(policy: PixelPolicy, generator: torch.Generator) -> None:
    """Draw normal weights with the variance that a ReLU keeps (He et al. 2015, arXiv:1502.01852), the same for every
    copy; biases are 0."""
    for module in policy.modules():
        if isinstance(module, GroupedConvolution | BatchedLinear):
            spread = math.sqrt(2 / module.weight[0, 0].numel())
            module.weight.copy_(spread * torch.randn(module.weight.shape[1:], generator=generator))


def copied(weights: Mapping[str, Tensor], each: int) -> dict[str, Tensor]:
    """Weights of some policies (policies, ...) -> the state of a `PixelPolicy` with so many copies of each in a row."""
    return {name: tensor.repeat_interleave(each, dim=0) for name, tensor in weights.items()}


def _after(side: int, convolutions: int) -> int:
    """What `convolutions` leave of a side, the first with its stride."""
    return (side - KERNEL) // STRIDE + 1 - (KERNEL - 1) * (convolutions - 1)
