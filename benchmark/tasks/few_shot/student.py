"""What methods of `few_shot.extreme` share: the student that each of them trains its own way, and its loop."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.learning.augmentation import Views
from benchmark.learning.models.weights import initialise
from benchmark.learning.training import minibatches, predict
from benchmark.tasks.few_shot.extreme import TransferSetup


class ExtremeStudent:
    """A backbone that starts from the trained one and takes steps on base and target; methods give the loss.

    SGD with momentum 0.9 and weight decay 1e-4 (STARTUP's released code), the rate falling to zero along a cosine.

    learning_rate: where the rate starts, None for the setup's.

    Attributes: setup; model (a `Backbone`); projector (d -> 128, for contrastive losses); views; generator; progress
    (share of the steps that are done).
    """

    def __init__(self, setup: TransferSetup, *, learning_rate: float | None = None) -> None:
        self.setup = setup
        self._rate = setup.learning_rate if learning_rate is None else learning_rate
        self.progress = 0.0
        self.generator = setup.generator("method")
        self.views = Views()
        self.model = setup.model()
        width = setup.widths[-1]
        self.projector = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 128))
        initialise(self.projector, setup.generator("projector"))
        self.projector.to(setup.device)

    def adapt(
        self, weights: dict[str, Tensor], base_images: Tensor, base_labels: Tensor, target_images: Tensor
    ) -> None:
        """See `Adapter.adapt`: start from the trained weights, let the method look at the target, train."""
        self.model.load_state_dict(weights)
        self.model.eval()
        labels = self.label(target_images)
        self.start()
        self.model.train()
        parameters = [*self.model.parameters(), *self.projector.parameters()]
        optimizer = torch.optim.SGD(parameters, lr=self._rate, momentum=0.9, weight_decay=1e-4, fused=True)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.setup.steps)
        bases, targets = self._endless(base_images, base_labels), self._endless(target_images, labels)
        for step in range(self.setup.steps):
            self.progress = step / self.setup.steps
            optimizer.zero_grad()
            self.loss(*next(bases), *next(targets)).backward()
            optimizer.step()
            schedule.step()
        self.model.eval()

    def embed(self, images: Tensor) -> Tensor:
        """See `Adapter.embed`."""
        return predict(self.model.body, images)

    def label(self, target_images: Tensor) -> Tensor:
        """Return what the trained backbone, in evaluation mode, says about target images: (n, base_classes) scores."""
        return predict(self.model, target_images)

    def start(self) -> None:
        """Change the weights that training starts from."""

    def loss(self, base_images: Tensor, base_labels: Tensor, target_images: Tensor, target_labels: Tensor) -> Tensor:
        """Return the loss of one step; images are not augmented yet, target_labels are what `label` said."""
        raise NotImplementedError

    def view(self, images: Tensor) -> Tensor:
        """A random view of each image."""
        return self.views(images, self.generator)

    def base_loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy of views of base images."""
        return F.cross_entropy(self.model(self.view(images)), labels)

    def new_head(self) -> None:
        """Draw the head's weights anew."""
        initialise(self.model.head, self.setup.generator("head"))

    def _endless(self, images: Tensor, labels: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Minibatches, epoch after epoch; the last of an epoch is left out where it is short (contrastive losses depend
        on the size of the batch) unless there is no other."""
        size = min(self.setup.batch_size, len(images))
        while True:
            for batch, batch_labels in minibatches(images, labels, batch_size=size, generator=self.generator):
                if len(batch) == size:
                    yield batch, batch_labels


def contrastive_loss(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """NT-Xent of two views' projections, (n, d) each (Chen et al. 2020, arXiv:2002.05709, equation 1).

    The mean over the 2n projections of the cross-entropy of finding the other view of the same image among the 2n - 1
    others, by cosine similarity divided by the temperature.
    """
    count = len(first)
    projections = F.normalize(torch.cat([first, second]), dim=1)
    similarity = projections @ projections.T / temperature
    similarity = similarity.masked_fill(torch.eye(2 * count, dtype=torch.bool, device=first.device), -torch.inf)
    partner = torch.arange(2 * count, device=first.device).roll(count)
    return F.cross_entropy(similarity, partner)
