"""What both tracks of `forgetting` share: interface, sizes, protocol and metrics."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

from benchmark.tasks.answers import Count, Floats
from benchmark.tasks.rules import Budget, Contestant, Outcome, Rules, Setup
from benchmark.tasks.track import Metric

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.learning.training import Schedule
    from benchmark.machine.meters import Clock
    from benchmark.tasks.forgetting.network import ContinualNet

ACC = Metric("ACC", "%", True, "mean accuracy over all tasks after the last")
BWT = Metric("BWT", "points", True, "mean change in a task's accuracy from when it was learned to the end")
LEARNING_ACCURACY = Metric("learning_accuracy", "%", True, "mean accuracy on each task right after learning it")
MEMORY = Metric("memory_floats", "floats", False, "floats kept from earlier tasks besides the network's weights")
METRICS = (ACC, BWT, LEARNING_ACCURACY, MEMORY)


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
    """What the contestant is told.

    classes: per head;  network: "mlp", "convnet" or "alexnet";  memory: examples that a method which keeps examples of
    earlier tasks, or a gradient of each, may keep over all tasks.
    """

    tasks: int
    classes: int
    image_shape: tuple[int, int, int]
    one_head: bool
    network: str
    memory: int
    epochs: int
    batch_size: int
    learning_rate: float
    hold_out: float
    patience: int

    def model(self) -> ContinualNet:
        """Build the standard network on the setup's device, with the same initial weights for every method."""
        from benchmark.tasks.forgetting.network import ContinualNet

        return ContinualNet(
            self.network,
            image_shape=self.image_shape,
            classes=self.classes,
            heads=1 if self.one_head else self.tasks,
            generator=self.generator("weights"),
        ).to(self.device)

    def schedule(self) -> Schedule:
        """The training budget of one task."""
        from benchmark.learning.training import Schedule

        return Schedule(
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            hold_out=self.hold_out,
            patience=self.patience,
        )


@dataclass(frozen=True, slots=True)
class ContinualBudget(Budget):
    """Sizes of a tier. train, test: images per class and task (None: all);  classes: per task;  size: drawn images;
    memory: see `ContinualSetup`.
    """

    tasks: int
    classes: int
    train: int | None
    test: int | None
    size: int
    network: str
    memory: int
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


class Domains(Protocol):
    """All tasks' data, made task by task."""

    def __len__(self) -> int:
        """How many tasks there are."""

    def domain(self, index: int) -> Domain:
        """One task's data."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of every image."""


class ContinualRules(Rules):
    """The protocol of both tracks. one_head: all tasks share one."""

    one_head: bool

    def tell(self, sizes: ContinualBudget, data: Domains) -> dict[str, Any]:
        """See `Rules.tell`."""
        shared = {k: v for k, v in asdict(sizes).items() if k in ContinualSetup.__dataclass_fields__}
        return {**shared, "image_shape": data.image_shape, "one_head": self.one_head}

    def judge(self, contestant: Contestant, sizes: ContinualBudget, data: Domains, clock: Clock) -> Outcome:
        """See `Rules.judge`."""
        tests: list[tuple[Tensor, Tensor]] = []
        matrix: list[list[float]] = []
        samples = 0
        for index in range(len(data)):
            with clock.running("data"):
                domain = data.domain(index)
            contestant.call("learn", index, domain.train_images, domain.train_labels, phase="train")
            samples += len(domain.train_labels) * sizes.epochs
            tests.append((domain.test_images, domain.test_labels))
            matrix.append([_accuracy(contestant, task, *test, sizes.classes) for task, test in enumerate(tests)])
        memory = contestant.call("memory", reply=Count("floats"))
        return _score(matrix, memory, samples / contestant.seconds("train"))


def _accuracy(contestant: Contestant, task: int, images: Tensor, labels: Tensor, classes: int) -> float:
    """Percentage right on a task's test images."""
    scores = contestant.call("predict", task, images, reply=Floats(len(labels), classes))
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
