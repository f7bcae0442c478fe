"""Ridge regression on the signs of the labels, with a quadratic kernel.

Outputs are quadratic forms, as those of a network with squares, whose coefficients are found in one step. The kernel
depends on scalar products alone, so that it is as blind to places as a fully connected network is: on Gaussian inputs
it needs of the order of d^2 samples (theorem 5.2 of Li, Zhang, Arora, ICLR 2021, arXiv:2010.08515).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.tasks.sample_efficiency import architecture
from benchmark.tasks.sample_efficiency.rules import LearnerSetup


@architecture.track.method("quadratic-kernel", role="baseline", paper="arXiv:2010.08515")
class QuadraticKernel:
    """k(x, y) = (x y + 1)^2 / d.  ridge: times the number of samples, added to the kernel matrix's diagonal."""

    def __init__(self, setup: LearnerSetup, *, ridge: float = 0.03) -> None:
        self.setup = setup
        self.ridge = ridge
        self.inputs = torch.zeros(0)
        self.forms: list[Tensor] = []

    def learn(self, inputs: Tensor, labels: Tensor, sizes: Sequence[int], steps: int) -> None:
        """See `SampleLearner.learn`: in no steps, but one solution for samples or for monomials, where fewer."""
        self.inputs = inputs.flatten(2).double()
        signs = 2 * labels.double() - 1
        self.forms = []
        d = self.inputs.shape[2]
        few = (d + 1) * (d + 2) // 2
        for size in sizes:
            x, y = self.inputs[:, :size], signs[:, :size, None]
            terms = monomials(x) if few < size else None
            grams = terms.mT @ terms if terms is not None else kernel(x, x)
            grams.diagonal(dim1=1, dim2=2).add_(self.ridge * size)
            factors = torch.linalg.cholesky(grams)
            self.forms.append(torch.cholesky_solve(terms.mT @ y if terms is not None else y, factors))

    def predict(self, inputs: Tensor) -> Tensor:
        """See `SampleLearner.predict`."""
        flat = inputs.flatten(1).double().expand(len(self.inputs), -1, -1)
        d = flat.shape[2]
        terms, grams = None, None
        scores = []
        for form in self.forms:
            if form.shape[1] == (d + 1) * (d + 2) // 2:
                terms = monomials(flat) if terms is None else terms
                scores.append(terms @ form)
            else:
                grams = kernel(flat, self.inputs) if grams is None else grams
                scores.append(grams[:, :, : form.shape[1]] @ form)
        return (torch.cat(scores).squeeze(2) > 0).long()


def kernel(x: Tensor, y: Tensor) -> Tensor:
    """Kernel matrices (repeats, n, m) of x (repeats, n, d) and y (repeats, m, d)."""
    return (x @ y.mT + 1).square() / x.shape[2]


def monomials(x: Tensor) -> Tensor:
    """Terms whose scalar products are the kernel: (repeats, n, d) -> (repeats, n, (d + 1)(d + 2) / 2)."""
    d = x.shape[2]
    wide = F.pad(x, (0, 1), value=1.0)
    row, column = torch.triu_indices(d + 1, d + 1, device=x.device)
    weight = torch.where(row == column, 1.0, 2**0.5) / d**0.5
    terms: Tensor = wide[..., row] * wide[..., column] * weight
    return terms
