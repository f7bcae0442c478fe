"""Forgetting: does a learner that meets tasks one after another keep what it learned first?

Rules
  The contestant meets T tasks in order. For each it is called once, `learn(index, images, labels)`, with all training
  images of that task and no others. After each task the judge asks it to `predict` the test images of every task so
  far; the labels of those stay with the judge.
  `permuted` (domain-incremental): each task permutes the pixels of all images by its own fixed permutation, the first
    task too. One head, an MLP 100-100 without biases. The index is given to `predict`, but a single head has no use
    for it.
  `split` (task-incremental): each task has classes of its own and a head of its own, on a small convolutional network.
  Budget: epochs, batch size and learning rate are the setup's; every method trains by plain SGD. A method may keep
    what it likes from earlier tasks and says how many floats that is.
  Batch-norm (paper tier of `split` only): running statistics are learned on the first task and frozen afterwards, for
    every method. GPM's released code normalises test data by test-batch statistics instead, which depends on how the
    test set is batched.

Metrics, with A[t, i] the test accuracy on task i after learning task t (Lopez-Paz & Ranzato 2017, arXiv:1706.08840):
  ACC = mean_i A[T, i];  BWT = mean_{i<T} (A[T, i] - A[i, i]);  learning accuracy = mean_i A[i, i].
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from benchmark.errors import ContestantError, DataError
from benchmark.job import Tier
from benchmark.seeding import generator
from benchmark.source import Source
from benchmark.task import Budget, Metric, Outcome, Setup, Task, Track

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.contestant import Contestant
    from benchmark.data import LabelledImages
    from benchmark.measure import Clock
    from benchmark.models.continual import ContinualNet
    from benchmark.training import Schedule

ACC = Metric("ACC", "%", True, "mean accuracy over all tasks after the last")
BWT = Metric("BWT", "points", True, "mean change in a task's accuracy from when it was learned to the end")
LEARNING_ACCURACY = Metric("learning_accuracy", "%", True, "mean accuracy on each task right after learning it")
MEMORY = Metric("memory_floats", "floats", False, "floats kept from earlier tasks besides the network's weights")


class ContinualLearner(Protocol):
    """What a method of this task implements. Built once per job as `Method(setup)`."""

    def learn(self, index: int, images: Tensor, labels: Tensor) -> None:
        """Learn task `index`. images: (n, c, h, w) float32, standardised;  labels: (n,) int64 in [0, classes)."""

    def predict(self, index: int, images: Tensor) -> Tensor:
        """Return finite scores (n, classes) of images (n, c, h, w) of task `index`; the highest is the answer."""

    def memory(self) -> int:
        """Return how many floats are kept from earlier tasks besides the network's weights."""


@dataclass(frozen=True, slots=True)
class ContinualSetup(Setup):
    """What the contestant is told. classes: per head;  network: "mlp", "convnet" or "alexnet"."""

    tasks: int
    classes: int
    image_shape: tuple[int, int, int]
    one_head: bool
    network: str
    epochs: int
    batch_size: int
    learning_rate: float
    hold_out: float
    patience: int

    def model(self) -> ContinualNet:
        """Build the standard network on the setup's device, with the same initial weights for every method."""
        from benchmark.models.continual import ContinualNet

        return ContinualNet(
            self.network,
            image_shape=self.image_shape,
            classes=self.classes,
            heads=1 if self.one_head else self.tasks,
            generator=self.generator("weights"),
        ).to(self.device)

    def schedule(self) -> Schedule:
        """The training budget of one task."""
        from benchmark.training import Schedule

        return Schedule(
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            hold_out=self.hold_out,
            patience=self.patience,
        )


@dataclass(frozen=True, slots=True)
class ContinualBudget(Budget):
    """Sizes of a tier. train, test: images per class and task (None: all);  classes: per task;  size: drawn images."""

    tasks: int
    classes: int
    train: int | None
    test: int | None
    size: int
    network: str
    epochs: int
    batch_size: int
    learning_rate: float
    hold_out: float = 0.0
    patience: int = 0


@dataclass(frozen=True, slots=True)
class Domain:
    """One task's data. images: (n, c, h, w) float32, standardised;  labels: (n,) int64."""

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor


@dataclass(frozen=True, slots=True)
class Permuted:
    """All tasks show the same images under another permutation of the pixels each; made task by task."""

    train: LabelledImages
    test: LabelledImages
    permutations: tuple[Tensor, ...]
    mean: float
    std: float

    def __len__(self) -> int:
        return len(self.permutations)

    def domain(self, index: int) -> Domain:
        """Standardise by the training set's mean and standard deviation, then permute the pixels."""
        order = self.permutations[index]
        train, test = (
            ((part.images.float().div_(255) - self.mean) / self.std).flatten(1)[:, order].view(part.images.shape)
            for part in (self.train, self.test)
        )
        return Domain(train, self.train.labels, test, self.test.labels)


@dataclass(frozen=True, slots=True)
class Split:
    """Each task has classes of its own; standardised per channel by the first task's training images."""

    train: tuple[LabelledImages, ...]
    test: tuple[LabelledImages, ...]
    mean: Tensor
    std: Tensor

    def __len__(self) -> int:
        return len(self.train)

    def domain(self, index: int) -> Domain:
        """Standardise; a learner that meets tasks in order can know the statistics of the first only."""
        train, test = self.train[index], self.test[index]
        images = ((part.images.float().div_(255) - self.mean) / self.std for part in (train, test))
        train_images, test_images = images
        return Domain(train_images, train.labels, test_images, test.labels)


class _ContinualRules:
    """The protocol that both tracks share."""

    def __init__(self, *, one_head: bool) -> None:
        self._one_head = one_head

    def needs(self, budget: ContinualBudget) -> tuple[str, ...]:
        return ()

    def compared(self, budget: ContinualBudget, source: Source) -> dict[str, str]:
        return {}

    def setup(
        self, budget: ContinualBudget, data: Permuted | Split, *, track: str, seed: int, device_name: str
    ) -> ContinualSetup:
        images = (data.train if isinstance(data, Permuted) else data.train[0]).images
        shared = asdict(budget)
        return ContinualSetup(
            seed=seed,
            track=track,
            device_name=device_name,
            image_shape=(images.shape[1], images.shape[2], images.shape[3]),
            one_head=self._one_head,
            **{name: shared[name] for name in ContinualSetup.__dataclass_fields__ if name in shared},
        )

    def judge(self, contestant: Contestant, budget: ContinualBudget, data: Permuted | Split, clock: Clock) -> Outcome:
        tests: list[tuple[Tensor, Tensor]] = []
        matrix: list[list[float]] = []
        samples = 0
        for index in range(len(data)):
            with clock.running("data"):
                domain = data.domain(index)
            contestant.call("learn", index, domain.train_images, domain.train_labels, phase="train")
            samples += len(domain.train_labels) * budget.epochs
            tests.append((domain.test_images, domain.test_labels))
            matrix.append(
                [
                    _accuracy(contestant.call("predict", task, images), labels, budget.classes)
                    for task, (images, labels) in enumerate(tests)
                ]
            )
        memory = contestant.call("memory")
        if not isinstance(memory, int) or isinstance(memory, bool) or memory < 0:
            raise ContestantError("invalid_output", f"memory() returned {memory!r}; return a count of floats")
        return _score(matrix, memory, samples / contestant.seconds("train"))


class _PermutedRules(_ContinualRules):
    def prepare(self, budget: ContinualBudget, source: Source, *, seed: int, salt: str, device: str) -> Permuted:
        import torch

        classes = list(range(budget.classes))
        train = source.images("train", classes=classes, per_class=budget.train, size=budget.size, seed=seed, salt=salt)
        test = source.images("test", classes=classes, per_class=budget.test, size=budget.size, seed=seed, salt=salt)
        pixels = train.images.float().div_(255)
        # Channels move with their pixel: a permutation of places, repeated for each channel.
        channels, places = pixels.shape[1], pixels.shape[2] * pixels.shape[3]
        permutations = tuple(
            (
                torch.randperm(places, generator=generator(seed, "forgetting.permuted", "permutation", task))
                + places * torch.arange(channels)[:, None]
            ).flatten()
            for task in range(budget.tasks)
        )
        return Permuted(train, test, permutations, float(pixels.mean()), float(pixels.std()))


class _SplitRules(_ContinualRules):
    def prepare(self, budget: ContinualBudget, source: Source, *, seed: int, salt: str, device: str) -> Split:
        import torch

        wanted = budget.tasks * budget.classes
        if source.class_count() < wanted:
            raise DataError(
                f"dataset {source.entry.name!r} has {source.class_count()} classes; {budget.tasks} tasks of "
                f"{budget.classes} need {wanted}"
            )
        # The paper takes classes in their natural order; drawn ones are dealt anew per seed.
        order = list(range(wanted))
        if source.drawn:
            dealt = torch.randperm(source.class_count(), generator=generator(seed, "forgetting.split", "classes"))
            order = dealt[:wanted].tolist()
        parts: list[tuple[Literal["train", "test"], int | None]] = [("train", budget.train), ("test", budget.test)]
        groups = [order[start : start + budget.classes] for start in range(0, wanted, budget.classes)]
        train, test = (
            tuple(
                source.images(split, classes=group, per_class=count, size=budget.size, seed=seed, salt=salt)
                for group in groups
            )
            for split, count in parts
        )
        first = train[0].images.float().div_(255)
        mean, std = first.mean((0, 2, 3))[:, None, None], first.std((0, 2, 3))[:, None, None]
        return Split(train, test, mean, std.clamp_min(1e-6))


def _accuracy(answer: object, labels: Tensor, classes: int) -> float:
    """Percentage right. Raises ContestantError unless the answer is finite scores (n, classes)."""
    from benchmark import answers

    scores = answers.floats(answer, "predict", len(labels), classes)
    return float((scores.argmax(1) == labels).double().mean()) * 100


def _score(matrix: list[list[float]], memory: int, samples_per_second: float) -> Outcome:
    """Metrics of the accuracy matrix; matrix[t] holds the accuracies on tasks 0..t after task t."""
    final, learned = matrix[-1], [row[-1] for row in matrix]
    changes = [after - before for after, before in zip(final[:-1], learned[:-1], strict=True)]
    rows = [(float(t), float(i), value) for t, row in enumerate(matrix) for i, value in enumerate(row)]
    columns = zip(("after_task", "task", "accuracy"), map(list, zip(*rows, strict=True)), strict=True)
    return Outcome(
        metrics={
            ACC.name: ACC.value(_mean(final), raw=final, per="task"),
            BWT.name: BWT.value(_mean(changes) if changes else 0.0, raw=changes, per="task"),
            LEARNING_ACCURACY.name: LEARNING_ACCURACY.value(_mean(learned), raw=learned, per="task"),
            MEMORY.name: MEMORY.value(float(memory)),
        },
        curves={"accuracy": dict(columns)},
        rates={"training samples/s": samples_per_second},
    )


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


_METRICS = (ACC, BWT, LEARNING_ACCURACY, MEMORY)


def _mlp(
    data: str, *, seconds: float, tasks: int, train: int | None, test: int | None, **sizes: Any
) -> ContinualBudget:
    """A budget of the permuted track: the paper's network and batch size at every tier, its rate from standard up."""
    defaults: dict[str, Any] = {"classes": 10, "size": 28, "network": "mlp", "batch_size": 10, "learning_rate": 0.01}
    return ContinualBudget(data, seconds, tasks=tasks, train=train, test=test, **(defaults | sizes))


permuted: Track[ContinualLearner] = Track(
    "forgetting.permuted",
    question="One head for all tasks, each with its own permutation of the pixels: are the first still recognised?",
    version=1,
    protocol=ContinualLearner,
    setup=ContinualSetup,
    metrics=_METRICS,
    rules=_PermutedRules(one_head=True),
    tiers={
        Tier.SMOKE: _mlp("glyphs", seconds=0.2, tasks=2, train=10, test=10, size=12, epochs=2, learning_rate=0.03),
        Tier.QUICK: _mlp("glyphs", seconds=3, tasks=5, train=100, test=50, size=20, epochs=4, learning_rate=0.03),
        Tier.STANDARD: _mlp("mnist", seconds=40, tasks=5, train=1000, test=None, epochs=5),
        Tier.PAPER: _mlp("mnist", seconds=600, tasks=10, train=None, test=None, epochs=5, hold_out=0.1),
    },
)


def _convnet(data: str, *, seconds: float, tasks: int, classes: int, **sizes: Any) -> ContinualBudget:
    """A budget of the split track."""
    defaults: dict[str, Any] = {"train": None, "test": None, "size": 32, "network": "convnet", "learning_rate": 0.05}
    return ContinualBudget(data, seconds, tasks=tasks, classes=classes, **(defaults | sizes))


split: Track[ContinualLearner] = Track(
    "forgetting.split",
    question="One head per task, each with classes of its own: does the body keep what the first heads need?",
    version=1,
    protocol=ContinualLearner,
    setup=ContinualSetup,
    metrics=_METRICS,
    rules=_SplitRules(one_head=False),
    tiers={
        Tier.SMOKE: _convnet(
            "glyphs", seconds=0.2, tasks=2, classes=3, train=10, test=10, size=12, epochs=2, batch_size=10
        ),
        Tier.QUICK: _convnet(
            "glyphs",
            seconds=3,
            tasks=5,
            classes=6,
            train=50,
            test=50,
            size=14,
            epochs=8,
            batch_size=20,
            learning_rate=0.1,
        ),
        Tier.STANDARD: _convnet("cifar10", seconds=300, tasks=5, classes=2, epochs=5, batch_size=32),
        # Appendix of the paper and its released code: rate .01, divided by 2 after 6 epochs without a better
        # validation loss, until 1e-5; at most 200 epochs; 5 % held out.
        Tier.PAPER: _convnet(
            "cifar100", seconds=20000, tasks=10, classes=10, network="alexnet", epochs=200, batch_size=64,
            learning_rate=0.01, hold_out=0.05, patience=6,
        ),
    },
)  # fmt: skip

task = Task("forgetting", "Does it keep what it learned first while it learns what comes next?", (permuted, split))
