"""Distribution shift: what is learned when training misleads, and does it hold where it matters?

Rules
  A contestant trains the standard network of the track on training sets that the judge gives one after another:
  `begin(images, labels)` starts anew from the setup's initial weights, then the judge asks for one `epoch(index)` after
  the other and for `scores` of test images in between; labels of test images stay with the judge. Images are raw, in
  [0, 1]. Optimiser, batch size, learning rate and number of epochs are the setup's. A method whose claim is to spend
  more (two gradients per step, twice the epochs) spends it inside `epoch`, and its time shows it.
  `spurious`: shapes of nine classes whose colour gives the class away in 80 % of the training images
    (`benchmark.colouring`); where images have colours of their own, objects whose ground does. Tests: the same scheme;
    new colours; the colours of other classes; shapes of a tenth class.
    Which images are in the minority is told to references only; methods infer it, and are asked what they inferred.
  `label_noise`: of each training set a share of the labels is replaced by another class, uniformly; clean test images.
  `adversarial`: few clean training images. The contestant attacks its own network (`benchmark.attacks`, without
    labels); the judge checks that the images it gets back lie in the ball, asks for their scores, and counts an image
    as robust only if it was right before and is right after. Its loss is the larger of the clean image's and the
    adversarial image's: an attack without labels helps answers that are wrong. A method that returned no real attack
    would cheat: files are read.

Metrics
  `spurious`: accuracy on swapped colours (primary), in distribution, on new colours; average precision of telling the
    unseen class from new colours by the largest probability; of the minority's inference, precision and recall.
  `label_noise`: accuracy after the last epoch and at the best one, averaged over noise levels; share of the wrong
    labels that the network has learned.
  `adversarial`: accuracy under FGSM at the middle radius (primary), under PGD there, loss under FGSM at the smallest
    radius, clean accuracy, generalisation gap (test minus train loss), expected calibration error over 15 bins
    (Guo et al. 2017, arXiv:1706.04599).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from benchmark.errors import ContestantError, DataError
from benchmark.job import Tier
from benchmark.seeding import generator
from benchmark.task import Budget, Metric, Outcome, Setup, Task, Track

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from benchmark.contestant import Contestant
    from benchmark.data import Split
    from benchmark.measure import Clock
    from benchmark.models.classifier import Classifier
    from benchmark.source import Source

SWAPPED = Metric("swapped_colours", "%", True, "accuracy where each shape has another class's colour")
IN_DISTRIBUTION = Metric("in_distribution", "%", True, "accuracy under the training scheme")
NEW_COLOURS = Metric("new_colours", "%", True, "accuracy in colours never seen")
ANOMALY = Metric("anomaly_AP", "%", True, "average precision of finding shapes of an unseen class among new colours")
PRECISION = Metric("group_precision", "%", True, "share of the inferred minority that is one")
RECALL = Metric("group_recall", "%", True, "share of the true minority that was inferred")
FINAL = Metric("final_accuracy", "%", True, "clean test accuracy after the last epoch, mean over noise levels")
BEST = Metric("best_accuracy", "%", True, "clean test accuracy at the best epoch, mean over noise levels")
FITTED = Metric("noise_fitted", "%", False, "share of the wrong training labels that the network answers with")
FGSM = Metric("FGSM_accuracy", "%", True, "accuracy under FGSM at the middle radius")
PGD = Metric("PGD_accuracy", "%", True, "accuracy under PGD with restarts at the middle radius")
ADVERSARIAL_LOSS = Metric("adversarial_loss", "nats", False, "mean cross-entropy under FGSM at the smallest radius")
CLEAN = Metric("clean_accuracy", "%", True, "accuracy on clean test images")
GAP = Metric("generalisation_gap", "nats", False, "mean cross-entropy on test minus training images")
CALIBRATION = Metric("calibration_error", "%", False, "expected calibration error, 15 bins")

BIAS = 0.8
_SLACK = 1e-5
"""By which rounding may put a perturbed pixel outside the ball."""


class Learner(Protocol):
    """What a method of `label_noise` implements; the other tracks ask for more. Built once as `Method(setup)`."""

    def begin(self, images: Tensor, labels: Tensor) -> None:
        """Start anew on a training set. images: (n, c, h, w) float32 in [0, 1];  labels: (n,) int64."""

    def epoch(self, index: int) -> None:
        """Train for one epoch, the index-th since `begin`, of the setup's `epochs`."""

    def scores(self, images: Tensor) -> Tensor:
        """Return finite scores (n, classes) of raw images (n, c, h, w); their softmax is taken as probability."""


class NoiseLearner(Learner, Protocol):
    """What a method of `label_noise` implements."""

    def loss_along(self, distances: Tensor) -> Tensor:
        """Return the training loss (k,) at weights moved by distances (k,) along one random direction."""


class GroupLearner(Learner, Protocol):
    """What a method of `spurious` implements."""

    def reveal(self, groups: Tensor) -> None:
        """Called on references only, after `begin`: the true groups (n,) int64, 1 for the minority."""

    def groups(self) -> Tensor:
        """Return the groups that were inferred, (n,) int64 in {0, 1}; none, (0,), if the method has no use for them."""


class AttackedLearner(Learner, Protocol):
    """What a method of `adversarial` implements."""

    def attack(self, images: Tensor, kind: str, radius: float) -> Tensor:
        """Return adversarial images (n, c, h, w) against its own network; kind: "fgsm" or "pgd"."""


@dataclass(frozen=True, slots=True)
class ShiftSetup(Setup):
    """What the contestant is told. weight_decay: of SGD;  mean, std: per channel, of the first training set;
    decay: "cosine" to zero, or "steps" that divide the rate by ten after 30, 60 and 80 % of the epochs;  radius: of the
    attacks, the middle one, 0 where there are none."""

    network: str
    image_shape: tuple[int, int, int]
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    decay: str
    radius: float = 0.0

    def model(self) -> Classifier:
        """The standard network on the setup's device, with the same initial weights for every method."""
        from benchmark.models.classifier import Classifier

        return Classifier(
            self.network,
            image_shape=self.image_shape,
            classes=self.classes,
            mean=self.mean,
            std=self.std,
            generator=self.generator("weights"),
        ).to(self.device)


@dataclass(frozen=True, slots=True)
class ShiftBudget(Budget):
    """Sizes of a tier. train, test: images per class;  size: of drawn images;  coarse: side to which grey images are
    brought before use, 0 for their own;  levels: noise levels or attack radii;  every: epochs between looks at the test
    images;  checked: test images under PGD."""

    train: int
    test: int
    size: int
    coarse: int
    network: str
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    decay: str
    levels: tuple[float, ...] = ()
    every: int = 1
    checked: int = 0


@dataclass(frozen=True, slots=True)
class Labelled:
    """images: (n, c, h, w) float32 in [0, 1];  labels: (n,) int64."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True, slots=True)
class Coloured:
    """Training images with their groups, and the tests by name; in "unseen_class" labels are of no class."""

    train: Labelled
    groups: Tensor
    tests: dict[str, Labelled]


@dataclass(frozen=True, slots=True)
class Noisy:
    """Clean data, and for each noise level the labels that training sees."""

    train: Labelled
    test: Labelled
    seen: tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class Plain:
    """train, test: clean data."""

    train: Labelled
    test: Labelled


class _ShiftRules:
    """What the three tracks share."""

    def needs(self, budget: ShiftBudget) -> tuple[str, ...]:
        return ()

    def compared(self, budget: ShiftBudget, source: Source) -> dict[str, str]:
        return {}

    def setup(self, budget: ShiftBudget, data: Any, *, track: str, seed: int, device_name: str) -> ShiftSetup:
        images = data.train.images
        shared = asdict(budget)
        return ShiftSetup(
            seed=seed,
            track=track,
            device_name=device_name,
            image_shape=tuple(images.shape[1:]),
            classes=int(data.train.labels.max()) + 1,
            mean=tuple(images.mean((0, 2, 3)).tolist()),
            std=tuple(images.std((0, 2, 3)).clamp_min(1e-6).tolist()),
            **{name: shared[name] for name in ShiftSetup.__dataclass_fields__ if name in shared},
        )


class _SpuriousRules(_ShiftRules):
    def prepare(self, budget: ShiftBudget, source: Source, *, seed: int, salt: str, device: str) -> Coloured:
        import torch

        from benchmark import colouring

        if source.class_count() < 3:
            raise DataError(f"dataset {source.entry.name!r} has {source.class_count()} classes; colours need 3 or more")
        count = min(source.class_count(), 10) - 1  # class 0 is never seen, as digit 0 in the paper
        colours = colouring.palette(count)
        classes = list(range(1, count + 1))
        train = _shapes(source, budget, "train", classes, budget.train, seed, salt)
        test = _shapes(source, budget, "test", classes, budget.test, seed, salt)
        unseen = _shapes(source, budget, "test", [0], budget.test, seed, salt)
        rng = generator(seed, "distribution_shift.spurious", "train")
        chosen, groups = colouring.biased(train.labels, colours, bias=BIAS, rng=rng)
        rng = generator(seed, "distribution_shift.spurious", "test", salt)
        same, _ = colouring.biased(test.labels, colours, bias=BIAS, rng=rng)
        others = colouring.unseen(len(test.labels), colours, rng=rng)
        swapped = colouring.swapped(test.labels, colours, rng=rng)
        strange = colours.bias[torch.randint(count, (len(unseen.labels),), generator=rng)]
        look = colouring.coloured if train.images.shape[1] == 1 else colouring.grounded
        tests = {
            "in_distribution": Labelled(look(test.images, same), test.labels),
            "new_colours": Labelled(look(test.images, others), test.labels),
            "swapped_colours": Labelled(look(test.images, swapped), test.labels),
            "unseen_class": Labelled(look(unseen.images, strange), unseen.labels),
        }
        return Coloured(Labelled(look(train.images, chosen), train.labels), groups, tests)

    def judge(self, contestant: Contestant, budget: ShiftBudget, data: Coloured, clock: Clock) -> Outcome:
        import torch

        from benchmark import answers

        contestant.call("begin", data.train.images, data.train.labels, phase="train")
        if contestant.reference:
            contestant.call("reveal", data.groups, phase="train")
        for index in range(budget.epochs):
            contestant.call("epoch", index, phase="train")
        scores = {name: _scores(contestant, test, data.train) for name, test in data.tests.items()}
        accuracy = {
            name: _accuracy(scores[name], test.labels) for name, test in data.tests.items() if name != "unseen_class"
        }
        metrics = {
            metric.name: metric.value(accuracy[metric.name]) for metric in (SWAPPED, IN_DISTRIBUTION, NEW_COLOURS)
        }
        metrics[ANOMALY.name] = ANOMALY.value(_anomaly(scores["unseen_class"], scores["new_colours"]))
        found = contestant.call("groups")
        if not isinstance(found, torch.Tensor) or found.numel():
            found = answers.classes(found, "groups", 2, len(data.groups))
            right = float(((found == 1) & (data.groups == 1)).sum())
            metrics[PRECISION.name] = PRECISION.value(100 * right / max(1.0, float((found == 1).sum())))
            metrics[RECALL.name] = RECALL.value(100 * right / max(1.0, float((data.groups == 1).sum())))
        rate = len(data.train.labels) * budget.epochs / contestant.seconds("train")
        return Outcome(metrics, {}, {"training samples/s": rate})


class _LabelNoiseRules(_ShiftRules):
    def prepare(self, budget: ShiftBudget, source: Source, *, seed: int, salt: str, device: str) -> Noisy:
        train, test = _both(source, budget, seed, salt)
        seen = tuple(
            _corrupted(train.labels, level, generator(seed, "distribution_shift.label_noise", "noise"))
            for level in budget.levels
        )
        return Noisy(train, test, seen)

    def judge(self, contestant: Contestant, budget: ShiftBudget, data: Noisy, clock: Clock) -> Outcome:
        import torch

        from benchmark import answers

        rows: list[tuple[float, ...]] = []
        fitted: list[float] = []
        line: dict[str, list[float]] = {"noise": [], "distance": [], "loss": []}
        distances = torch.linspace(-1, 1, 21)
        for level, seen in zip(budget.levels, data.seen, strict=True):
            contestant.call("begin", data.train.images, seen, phase="train")
            for index in range(budget.epochs):
                contestant.call("epoch", index, phase="train")
                if index % budget.every == budget.every - 1 or index == budget.epochs - 1:
                    accuracy = _accuracy(_scores(contestant, data.test, data.train), data.test.labels)
                    rows.append((level, float(index + 1), accuracy))
            wrong = seen != data.train.labels
            if bool(wrong.any()):
                answer = _scores(contestant, data.train, data.train).argmax(1)
                fitted.append(100 * float((answer == seen)[wrong].double().mean()))
            losses = answers.floats(contestant.call("loss_along", distances), "loss_along", len(distances))
            for column, values in (
                ("noise", [level] * len(losses)),
                ("distance", distances.tolist()),
                ("loss", losses),
            ):
                line[column] += [round(float(value), 5) for value in values]
        final = [next(row[2] for row in reversed(rows) if row[0] == level) for level in budget.levels]
        best = [max(row[2] for row in rows if row[0] == level) for level in budget.levels]
        metrics = {
            FINAL.name: FINAL.value(_mean(final), raw=final, per="noise level"),
            BEST.name: BEST.value(_mean(best), raw=best, per="noise level"),
            FITTED.name: FITTED.value(_mean(fitted) if fitted else 0.0, raw=fitted, per="noise level"),
        }
        columns = zip(("noise", "epoch", "accuracy"), map(list, zip(*rows, strict=True)), strict=True)
        samples = len(data.train.labels) * budget.epochs * len(budget.levels)
        rate = samples / contestant.seconds("train")
        return Outcome(metrics, {"accuracy": dict(columns), "loss_line": line}, {"training samples/s": rate})


class _AdversarialRules(_ShiftRules):
    def prepare(self, budget: ShiftBudget, source: Source, *, seed: int, salt: str, device: str) -> Plain:
        train, test = _both(source, budget, seed, salt)
        return Plain(train, test)

    def setup(self, budget: ShiftBudget, data: Any, *, track: str, seed: int, device_name: str) -> ShiftSetup:
        told = super().setup(budget, data, track=track, seed=seed, device_name=device_name)
        return replace(told, radius=_middle(budget))

    def judge(self, contestant: Contestant, budget: ShiftBudget, data: Plain, clock: Clock) -> Outcome:
        contestant.call("begin", data.train.images, data.train.labels, phase="train")
        for index in range(budget.epochs):
            contestant.call("epoch", index, phase="train")
        clean, known = (_scores(contestant, part, data.train) for part in (data.test, data.train))
        right = clean.argmax(1) == data.test.labels
        unmoved = _losses(clean, data.test.labels)
        rows: list[tuple[float, float, float, float]] = [
            (kind, 0.0, _percent(right), float(unmoved.mean())) for kind in (0.0, 1.0)
        ]
        for kind, name, count in ((0.0, "fgsm", len(right)), (1.0, "pgd", budget.checked)):
            part = Labelled(data.test.images[:count], data.test.labels[:count])
            for radius in budget.levels:
                moved = _attacked(contestant, part.images, name, radius)
                scores = _scores(contestant, Labelled(moved, part.labels), data.train)
                robust = right[:count] & (scores.argmax(1) == part.labels)
                # Without labels an attack on a wrong answer may help it. An adversary would then leave the image alone,
                # which lies in the ball, too.
                losses = _losses(scores, part.labels).maximum(unmoved[:count])
                rows.append((kind, radius, _percent(robust), float(losses.mean())))
        middle = _middle(budget)
        at = {(kind, radius): (accuracy, loss) for kind, radius, accuracy, loss in rows}
        metrics = {
            FGSM.name: FGSM.value(at[0.0, middle][0]),
            PGD.name: PGD.value(at[1.0, middle][0]),
            ADVERSARIAL_LOSS.name: ADVERSARIAL_LOSS.value(at[0.0, budget.levels[0]][1]),
            CLEAN.name: CLEAN.value(_percent(right)),
            GAP.name: GAP.value(float(unmoved.mean() - _losses(known, data.train.labels).mean())),
            CALIBRATION.name: CALIBRATION.value(_calibration_error(clean, data.test.labels)),
        }
        columns = zip(("pgd", "radius", "accuracy", "loss"), map(list, zip(*rows, strict=True)), strict=True)
        rate = len(data.train.labels) * budget.epochs / contestant.seconds("train")
        return Outcome(metrics, {"attacks": dict(columns)}, {"training samples/s": rate})


def _shapes(
    source: Source, budget: ShiftBudget, part: Split, classes: list[int], count: int, seed: int, salt: str
) -> Labelled:
    """Images of a split in [0, 1], grey ones brought to the budget's side by averaging."""
    import torch.nn.functional as F

    drawn = source.images(part, classes=classes, per_class=count, size=budget.size, seed=seed, salt=salt)
    images = drawn.images.float().div_(255)
    if budget.coarse and images.shape[1] == 1:
        images = F.adaptive_avg_pool2d(images, budget.coarse)
    return Labelled(images, drawn.labels)


def _both(source: Source, budget: ShiftBudget, seed: int, salt: str) -> tuple[Labelled, Labelled]:
    classes = list(range(min(source.class_count(), 10)))
    if len(classes) < 2:
        raise DataError(f"dataset {source.entry.name!r} has {len(classes)} class; this track needs two or more")
    train = _shapes(source, budget, "train", classes, budget.train, seed, salt)
    return train, _shapes(source, budget, "test", classes, budget.test, seed, salt)


def _corrupted(labels: Tensor, level: float, rng: torch.Generator) -> Tensor:
    """Replace a share of the labels by another class, uniformly; higher levels replace what lower ones do, and more."""
    import torch

    classes = int(labels.max()) + 1
    order = torch.randperm(len(labels), generator=rng)
    shift = torch.randint(1, classes, (len(labels),), generator=rng)
    chosen = order[: round(level * len(labels))]
    seen = labels.clone()
    seen[chosen] = (labels[chosen] + shift[chosen]) % classes
    return seen


def _scores(contestant: Contestant, part: Labelled, train: Labelled) -> Tensor:
    from benchmark import answers

    answer = contestant.call("scores", part.images)
    return answers.floats(answer, "scores", len(part.images), int(train.labels.max()) + 1)


def _attacked(contestant: Contestant, images: Tensor, kind: str, radius: float) -> Tensor:
    """Ask for adversarial images. Raises ContestantError if they are none: outside the ball, or no images."""
    from benchmark import answers

    moved = answers.floats(contestant.call("attack", images, kind, radius), "attack", *images.shape)
    farthest = float((moved - images).abs().max())
    low, high = float(moved.min()), float(moved.max())
    if farthest > radius + _SLACK or low < -_SLACK or high > 1 + _SLACK:
        raise ContestantError(
            "invalid_output",
            f"attack() moved a pixel by {farthest:.4g} into [{low:.4g}, {high:.4g}]; stay within {radius:g} and [0, 1]",
        )
    return moved


def _middle(budget: ShiftBudget) -> float:
    return budget.levels[len(budget.levels) // 2]


def _anomaly(unseen: Tensor, known: Tensor) -> float:
    """Average precision (%) of finding unseen classes by a small largest probability: the mean, over unseen examples,
    of the precision among all that look as strange or stranger."""
    import torch

    strangeness = torch.cat([-part.double().softmax(1).amax(1) for part in (unseen, known)])
    is_unseen = torch.cat([torch.ones(len(unseen)), torch.zeros(len(known))]).double()
    ordered, order = strangeness.sort(descending=True)
    found = is_unseen[order].cumsum(0)
    # Equal scores are taken together: precision after the last of them.
    last = torch.searchsorted(-ordered, -ordered, right=True) - 1
    precision = found[last] / (last + 1).double()
    return 100 * float((precision * is_unseen[order]).sum() / is_unseen.sum())


def _calibration_error(scores: Tensor, labels: Tensor, bins: int = 15) -> float:
    """Expected calibration error (%) over equal bins of confidence."""
    import torch

    confidence, answer = scores.double().softmax(1).max(1)
    right = (answer == labels).double()
    place = (confidence * bins).long().clamp_max(bins - 1)
    gaps = torch.zeros(bins, dtype=torch.float64).index_add_(0, place, right - confidence)
    return 100 * float(gaps.abs().sum()) / len(labels)


def _accuracy(scores: Tensor, labels: Tensor) -> float:
    return _percent(scores.argmax(1) == labels)


def _percent(right: Tensor) -> float:
    return 100 * float(right.double().mean())


def _losses(scores: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropies (n,) of scores (n, k)."""
    import torch.nn.functional as F

    return F.cross_entropy(scores.double(), labels, reduction="none")


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _budget(data: str, *, seconds: float, **sizes: Any) -> ShiftBudget:
    defaults: dict[str, Any] = {"size": 14, "coarse": 0, "weight_decay": 5e-4, "decay": "cosine"}
    return ShiftBudget(data, seconds, **(defaults | sizes))


_SPURIOUS: dict[str, Any] = {
    "network": "batchnorm", "learning_rate": 0.1, "weight_decay": 1e-4, "decay": "steps",
}  # fmt: skip
spurious: Track[GroupLearner] = Track(
    "distribution_shift.spurious",
    question="Colour gives the class away in training; who recognises the shape when the colours are swapped?",
    version=1,
    protocol=GroupLearner,
    setup=ShiftSetup,
    metrics=(SWAPPED, IN_DISTRIBUTION, NEW_COLOURS, ANOMALY, PRECISION, RECALL),
    rules=_SpuriousRules(),
    uses=("colouring", "grouping", "shift"),
    tiers={
        Tier.SMOKE: _budget("glyphs", seconds=0.3, train=12, test=6, size=12, epochs=2, batch_size=16, **_SPURIOUS),
        Tier.QUICK: _budget("glyphs", seconds=8, train=450, test=100, epochs=15, batch_size=128, **_SPURIOUS),
        Tier.STANDARD: _budget(
            "mnist",
            seconds=30,
            train=2000,
            test=800,
            coarse=14,
            epochs=10,
            batch_size=256,
            **(_SPURIOUS | {"learning_rate": 0.05}),  # half of the paper's, as are the minibatches
        ),
    },
)

_NOISE: dict[str, Any] = {"network": "mlp", "batch_size": 128, "learning_rate": 0.05, "levels": (0.0, 0.2, 0.4, 0.6)}
label_noise: Track[NoiseLearner] = Track(
    "distribution_shift.label_noise",
    question="Up to 60 % of the training labels are wrong; who learns the right ones, and does not learn the wrong?",
    version=1,
    protocol=NoiseLearner,
    setup=ShiftSetup,
    metrics=(FINAL, BEST, FITTED),
    rules=_LabelNoiseRules(),
    uses=("shift",),
    tiers={
        Tier.SMOKE: _budget(
            "glyphs", seconds=0.3, train=10, test=6, size=12, epochs=2, **(_NOISE | {"levels": (0.4,)})
        ),
        Tier.QUICK: _budget("glyphs", seconds=6, train=200, test=100, size=16, epochs=40, every=4, **_NOISE),
        Tier.STANDARD: _budget("mnist", seconds=60, train=500, test=800, epochs=40, every=2, **_NOISE),
    },
)

_ATTACKED: dict[str, Any] = {"network": "convnet", "batch_size": 128, "learning_rate": 0.05, "weight_decay": 1e-4}
adversarial: Track[AttackedLearner] = Track(
    "distribution_shift.adversarial",
    question="Few clean images to learn from; how does the network stand small perturbations made against it?",
    version=2,
    protocol=AttackedLearner,
    setup=ShiftSetup,
    metrics=(FGSM, PGD, ADVERSARIAL_LOSS, CLEAN, GAP, CALIBRATION),
    rules=_AdversarialRules(),
    uses=("shift", "attacks"),
    tiers={
        Tier.SMOKE: _budget(
            "glyphs", seconds=0.3, train=10, test=6, size=12, epochs=2, levels=(0.03,), checked=20, **_ATTACKED
        ),
        Tier.QUICK: _budget(
            "symbols", seconds=8, train=50, test=100, epochs=60, levels=(0.005, 0.01, 0.02, 0.05), checked=200,
            **(_ATTACKED | {"batch_size": 50}),
        ),
        Tier.STANDARD: _budget(
            "mnist", seconds=60, train=200, test=400, epochs=40, levels=(0.01, 0.03, 0.05, 0.1), checked=500,
            **(_ATTACKED | {"batch_size": 32}),
        ),
    },
)  # fmt: skip

task = Task(
    "distribution_shift",
    "What is learned when training misleads, and does it hold where it matters?",
    (spurious, label_noise, adversarial),
)
