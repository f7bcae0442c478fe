"""Performers. Choromanski, Likhosherstov, Dohan, Song, Gane, Sarlos, Hawkins, Davis, Mohiuddin, Kaiser, Belanger,
Colwell, Weller: Rethinking Attention with Performers, ICLR 2021, arXiv:2009.14794.

FAVOR+: positive random features exp(W x - |x|^2 / 2) estimate exp(q . k / sqrt(dim)) without bias, with less variance
where the rows of W are orthogonal; or features relu(W x) + 1e-3, which estimate a kernel of their own.
Claim: outruns exact attention beyond some length, at memory linear in it, and stays close to it.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from benchmark.tasks.long_sequence import decode, encode, recall
from benchmark.tasks.long_sequence.attention.features import Exponential, FeatureMap, Rectified, orthogonal
from benchmark.tasks.long_sequence.attention.interface import EncodeDecodeAttention
from benchmark.tasks.long_sequence.attention.linear import attend
from benchmark.tasks.long_sequence.learner import RecallLearner
from benchmark.tasks.long_sequence.recall import RecallSetup
from benchmark.tasks.long_sequence.setups import DecodeSetup, EncodeSetup
from benchmark.tasks.long_sequence.transformer import Attention


@encode.track.method("performer", paper="arXiv:2009.14794")
@decode.track.method("performer", paper="arXiv:2009.14794")
class Performer(EncodeDecodeAttention):
    """features: rows of W, one for all heads (256, section 4.1);  redraw_every: so many calls for gradients share a W
    (section 4.2 found that redrawing helps training; 1000 as in lucidrains/performer-pytorch).
    """

    def __init__(self, setup: EncodeSetup | DecodeSetup, *, features: int = 256, redraw_every: int = 1000) -> None:
        self._rng = setup.generator("features")
        self._device = setup.device
        self._shape = (features, setup.dim)
        self._redraw_every = redraw_every
        self._calls = 0
        super().__init__(self.drawn())

    def drawn(self) -> FeatureMap:
        """The feature map, with a new projection each time."""
        return Exponential(self._projection())

    def estimates(self) -> str:
        """See `TimedAttention.estimates`: every weight, without bias (lemma 1)."""
        return "softmax"

    def gradients(self, q: Tensor, k: Tensor, v: Tensor, push: Tensor) -> list[Tensor]:
        """See `Encoder.gradients`."""
        self._calls += 1
        if self._calls % self._redraw_every == 0:
            self.features = self.drawn()
        return super().gradients(q, k, v, push)

    def _projection(self) -> Tensor:
        return orthogonal(*self._shape, generator=self._rng).to(self._device)


@encode.track.method("performer-hyperbolic", paper="arXiv:2009.14794")
@decode.track.method("performer-hyperbolic", paper="arXiv:2009.14794")
class HyperbolicPerformer(Performer):
    """SM^hyp+ (lemma 1): exp(W x - |x|^2 / 2) beside exp(-W x - |x|^2 / 2), the same number of features from half the
    rows, with less variance. The paper's experiments, and released code, have the plain ones.

    features: rows of W (128, for 256 features as `Performer` has)
    """

    def __init__(self, setup: EncodeSetup | DecodeSetup, *, features: int = 128, redraw_every: int = 1000) -> None:
        super().__init__(setup, features=features, redraw_every=redraw_every)

    def drawn(self) -> FeatureMap:
        """See `Performer.drawn`."""
        return Exponential(self._projection(), hyperbolic=True)


@encode.track.method("performer-relu", paper="arXiv:2009.14794")
@decode.track.method("performer-relu", paper="arXiv:2009.14794", tiers=("smoke", "standard"))
class ReluPerformer(Performer):
    """Generalised attention with as many rows, projected; the JAX code's default takes relu of q and k themselves.

    offset: added to features (1e-3, the released code's kernel_epsilon)
    """

    def __init__(
        self,
        setup: EncodeSetup | DecodeSetup,
        *,
        features: int = 256,
        redraw_every: int = 1000,
        offset: float = 1e-3,
    ) -> None:
        self._offset = offset
        super().__init__(setup, features=features, redraw_every=redraw_every)

    def drawn(self) -> FeatureMap:
        """See `Performer.drawn`."""
        return Rectified(self._projection(), offset=self._offset)

    def estimates(self) -> str:
        """See `TimedAttention.estimates`: a kernel of its own."""
        return "other"


@recall.track.method("performer", paper="arXiv:2009.14794")
class PerformerLearner(RecallLearner):
    """features: rows of W, one for all heads of a layer (64, four times a head's dimensions, as the paper's 256 are);
    redraw_every: so many training steps share a W (1000, as in `Performer`; 10 cost accuracy in short ones).
    """

    def __init__(self, setup: RecallSetup, *, features: int = 64, redraw_every: int = 1000) -> None:
        super().__init__(setup)
        self._features = features
        self._redraw_every = redraw_every

    def attention(self, exercise: str, layer: int) -> Attention:
        """See `RecallLearner.attention`."""
        rng = self.setup.generator(exercise, "features", layer)

        def drawn() -> FeatureMap:
            return self.map_of(orthogonal(self._features, self.setup.dim, generator=rng).to(self.setup.device))

        return _Redrawn(drawn, every=self._redraw_every)

    def map_of(self, projection: Tensor) -> FeatureMap:
        """The feature map with that projection."""
        return Exponential(projection)


@recall.track.method("performer-hyperbolic", paper="arXiv:2009.14794")
class HyperbolicLearner(PerformerLearner):
    """features: rows of W (32, for 64 features as `PerformerLearner` has)."""

    def __init__(self, setup: RecallSetup, *, features: int = 32, redraw_every: int = 1000) -> None:
        super().__init__(setup, features=features, redraw_every=redraw_every)

    def map_of(self, projection: Tensor) -> FeatureMap:
        """See `PerformerLearner.map_of`."""
        return Exponential(projection, hyperbolic=True)


@recall.track.method("performer-relu", paper="arXiv:2009.14794", tiers=("smoke", "standard", "paper"))
class ReluPerformerLearner(PerformerLearner):
    """offset: added to features, as in `ReluPerformer`."""

    def __init__(
        self, setup: RecallSetup, *, features: int = 64, redraw_every: int = 1000, offset: float = 1e-3
    ) -> None:
        super().__init__(setup, features=features, redraw_every=redraw_every)
        self._offset = offset

    def map_of(self, projection: Tensor) -> FeatureMap:
        """See `PerformerLearner.map_of`."""
        return Rectified(projection, offset=self._offset)


class _Redrawn(Attention):
    """By a feature map that is drawn anew every so many training steps; between them and after, it stays."""

    def __init__(self, drawn: Callable[[], FeatureMap], *, every: int) -> None:
        super().__init__()
        self._drawn, self._every = drawn, every
        self.features = drawn()
        self._step = 0

    def forward(self, q: Tensor, k: Tensor, v: Tensor, tokens: Tensor) -> Tensor:
        """See `Attention.forward`."""
        if self.training:
            if self._step and self._step % self._every == 0:
                self.features = self._drawn()
            self._step += 1
        return attend(q, k, v, self.features)
