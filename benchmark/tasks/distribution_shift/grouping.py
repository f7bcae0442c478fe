"""What the group methods of `distribution_shift` share: inferring a minority within each class, and using it.

The inference is that of Ahmed, Bengio, van Seijen, Courville 2021 (OpenReview b9PoimzZFJ, section 3.2 and released
code), after EIIL (Creager et al. 2021, arXiv:2010.07249): train a reference network a little by plain ERM, then split
each class so that the reference's risks and its dummy gradients within the two parts are as large as can be. What the
reference finds easy goes by the cue, so the part with the larger mean loss is the minority.
"""

from __future__ import annotations

import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.learning.training import predict
from benchmark.tasks.distribution_shift.learner import ShiftLearner
from benchmark.tasks.distribution_shift.rules import ShiftSetup

_HIDDEN = (64, 32, 21)  # the released code: 64 // 1, 2, 3


class SpuriousGroupLearner(ShiftLearner):
    """ERM until groups are known, then `group_loss`; methods say what that is.

    reference_steps: steps of ERM before the groups are inferred, rounded up to whole epochs but at most half of them
    (released: one epoch, which has 88. Half as many find half of the minority, and many more find less of it again);
    ramp: epochs over which a penalty reaches its weight from then on.

    Attributes: minority (n,) int64, 1 for the minority, empty while unknown; grouped: whether it is in use.
    """

    def __init__(self, setup: ShiftSetup, *, reference_steps: int = 64, ramp: float = 1.0) -> None:
        super().__init__(setup)
        self._reference_steps = reference_steps
        self._ramp = ramp

    def begin(self, images: Tensor, labels: Tensor) -> None:
        """See `Learner.begin`."""
        super().begin(images, labels)
        self.minority = labels[:0]
        self.grouped = False
        self._grouped_at = 0

    def epoch(self, index: int) -> None:
        """See `Learner.epoch`: before the epoch at which groups come into use, infer them."""
        if not self.grouped and (self.step >= self._reference_steps or 2 * index >= self.setup.epochs):
            self._grouped_at, self.grouped = self.step, True
            if not len(self.minority):
                self.minority = self.infer()
        super().epoch(index)

    def groups(self) -> Tensor:
        """See `GroupLearner.groups`."""
        return self.minority

    @torch.no_grad()
    def infer(self) -> Tensor:
        """Return the groups (n,) that the network as it is gives the training set."""
        self.model.eval()
        features = predict(self.model.features, self.images)
        return infer_groups(
            features, self.model.head(features), self.labels, generator=self.setup.generator("partition")
        )

    def loss(self, images: Tensor, labels: Tensor, places: Tensor) -> Tensor:
        """See `ShiftLearner.loss`."""
        features = self.model.features(images)
        if not self.grouped:
            return F.cross_entropy(self.model.head(features), labels)
        return self.group_loss(features, labels, self.minority[places])

    def group_loss(self, features: Tensor, labels: Tensor, groups: Tensor) -> Tensor:
        """Return the loss of a minibatch. features: (n, width);  labels, groups: (n,)."""
        raise NotImplementedError

    def ramped(self, weight: float) -> float:
        """A penalty's weight at this step: it grows linearly from the step at which groups came into use."""
        length = self._ramp * math.ceil(len(self.images) / self.setup.batch_size)
        return weight * min(1.0, (self.step - self._grouped_at + 1) / max(length, 1.0))


def group_means(values: Tensor, groups: Tensor) -> tuple[Tensor, Tensor]:
    """Means (2,) of values (n,) over group 0 and group 1, and which of them have members (2,); else the mean is 0."""
    member = F.one_hot(groups, 2).to(values.dtype)
    sizes = member.sum(0)
    return values @ member / sizes.clamp_min(1), sizes > 0


def balanced(values: Tensor, groups: Tensor) -> Tensor:
    """Mean of the two group means of values (n,); of one group alone, its mean."""
    means, present = group_means(values, groups)
    return means.sum() / present.sum()


def dummy_gradients(scores: Tensor, labels: Tensor) -> Tensor:
    """Gradients (n, k) of each example's cross-entropy with respect to ones (k,) that multiply its scores (n, k)."""
    return scores * (scores.softmax(1) - F.one_hot(labels, scores.shape[1]))


def infer_groups(
    features: Tensor,
    scores: Tensor,
    labels: Tensor,
    *,
    generator: torch.Generator,
    iterations: int = 100,
    examples: int = 128,
    rate: float = 1e-4,
    temperature: float = 10.0,
    strength: float = 1.0,
) -> Tensor:
    """Split each class in two by a small network of its own; groups (n,) int64, 1 for the part of the larger mean loss.

    features (n, d), scores (n, k), labels (n,): of the reference network;  iterations: of Adam at `rate`;  examples: of
    every class in each of them, at most (released: 512, of 5,000);  temperature: T of the soft assignment
    .5 (1 + tanh(s / T)) (the other three as released);  strength: gamma, weight of the dummy gradients (released: 10 on
    coloured MNIST, .1 and .001 on others; on drawn shapes 10 lets one class in nine fall into other parts). Few small
    steps from a smooth start matter: a free assignment per example would isolate the few largest losses.
    """
    losses = F.cross_entropy(scores, labels, reduction="none")
    slopes = dummy_gradients(scores, labels)
    table, real = _by_class(labels, scores.shape[1])
    with torch.enable_grad():
        networks = _Networks(len(table), features.shape[1], generator, features.device)
        optimizer = torch.optim.Adam(networks.weights + networks.shifts, lr=rate)
        for _ in range(iterations):
            order = torch.rand(table.shape, generator=generator).to(table.device).masked_fill(~real, 2.0).argsort(1)
            chosen, weight = (part.gather(1, order[:, :examples]) for part in (table, real))
            share = 0.5 * (1 + (networks(features[chosen]) / temperature).tanh())
            optimizer.zero_grad()
            (-separation(share, weight, losses[chosen], slopes[chosen], strength)).backward()
            optimizer.step()
    with torch.no_grad():
        second = (networks(features[table]) >= 0) & real
    return _harder(second, real, table, losses)


def separation(share: Tensor, weight: Tensor, losses: Tensor, slopes: Tensor, strength: float) -> Tensor:
    """What a split maximises: half the sum of both parts' risks and, times `strength`, squared dummy gradients.

    share: (classes, n) of each example in the second part;  weight, losses: (classes, n);  slopes: (classes, n, k)
    """
    total = losses.new_zeros(())
    for part in (share * weight, (1 - share) * weight):
        part = part / part.sum(1, keepdim=True).clamp_min(1e-12)
        risk = (part * losses).sum(1)
        slope = torch.einsum("cn,cnk->ck", part, slopes)
        total = total + 0.5 * (risk + strength * slope.square().sum(1)).sum()
    return total


class _Networks:
    """One network per class, (classes, n, d) -> (classes, n): three hidden layers with layer-norm and ReLU, one output.

    All weights are divided by their spectral norm, by one power iteration per call as in Miyato et al. 2018
    (arXiv:1802.05957, algorithm 1).
    """

    def __init__(self, classes: int, inputs: int, generator: torch.Generator, device: torch.device) -> None:
        widths = (inputs, *_HIDDEN, 1)
        self.weights: list[Tensor] = []
        self.left: list[Tensor] = []
        for fan_in, fan_out in itertools.pairwise(widths):
            bound = math.sqrt(6 / (fan_in + fan_out))  # Glorot
            drawn = (2 * torch.rand(classes, fan_in, fan_out, generator=generator) - 1) * bound
            self.weights.append(drawn.to(device).requires_grad_())
            self.left.append(F.normalize(torch.randn(classes, fan_in, 1, generator=generator), dim=1).to(device))
        self.shifts = [torch.zeros(classes, 1, width, device=device, requires_grad=True) for width in _HIDDEN]

    def __call__(self, features: Tensor) -> Tensor:
        for layer, shift in enumerate(self.shifts):
            features = features @ self._normalised(layer)
            features = F.relu(F.layer_norm(features, features.shape[-1:]) + shift)
        return (features @ self._normalised(len(self.shifts))).squeeze(2)

    def _normalised(self, layer: int) -> Tensor:
        weight = self.weights[layer]
        with torch.no_grad():
            right = F.normalize(weight.mT @ self.left[layer], dim=1)
            self.left[layer] = F.normalize(weight @ right, dim=1)
        return weight / (self.left[layer].mT @ weight @ right)


def _by_class(labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Places (classes, most) of each class's examples in the training set, and which entries are real, not padding."""
    sizes = labels.bincount(minlength=classes)
    columns = torch.arange(int(sizes.max()), device=labels.device)
    real = columns < sizes[:, None]
    table = torch.zeros(real.shape, dtype=torch.int64, device=labels.device)
    table[real] = labels.argsort(stable=True)
    return table, real


def _harder(second: Tensor, real: Tensor, table: Tensor, losses: Tensor) -> Tensor:
    """Groups (n,): per class, 1 for the part with the larger mean loss; a class that is all one part has no minority.

    second: (classes, most), which entries of the table are in the second part
    """
    first = real & ~second
    risks = [(losses[table] * part).sum(1) / part.sum(1).clamp_min(1) for part in (first, second)]
    whole = ~(first.any(1) & second.any(1))
    minority = torch.where((risks[1] >= risks[0])[:, None], second, first) & ~whole[:, None]
    groups = torch.zeros(len(losses), dtype=torch.int64, device=losses.device)
    groups[table[real]] = minority[real].long()
    return groups
