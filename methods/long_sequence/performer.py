"""Performers. Choromanski, Likhosherstov, Dohan, Song, Gane, Sarlos, Hawkins, Davis, Mohiuddin, Kaiser, Belanger,
Colwell, Weller: Rethinking Attention with Performers, ICLR 2021, arXiv:2009.14794.

FAVOR+: positive random features exp(W x - |x|^2 / 2) estimate exp(q . k / sqrt(dim)) without bias, with less variance
where the rows of W are orthogonal; or features relu(W x) + 1e-3, which estimate a kernel of their own.
Claim: outruns exact attention beyond some length, at memory linear in it, and stays close to it.
"""

from __future__ import annotations

from torch import Tensor

from benchmark.attention.features import Exponential, FeatureMap, Rectified, orthogonal
from benchmark.attention.interface import FeatureAttention
from benchmark.tasks.long_sequence import DecodeSetup, EncodeSetup, decode, encode


@encode.method("performer", paper="arXiv:2009.14794")
@decode.method("performer", paper="arXiv:2009.14794")
class Performer(FeatureAttention):
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

    def gradients(self, q: Tensor, k: Tensor, v: Tensor, push: Tensor) -> list[Tensor]:
        """See `Encoder.gradients`."""
        self._calls += 1
        if self._calls % self._redraw_every == 0:
            self.features = self.drawn()
        return super().gradients(q, k, v, push)

    def _projection(self) -> Tensor:
        return orthogonal(*self._shape, generator=self._rng).to(self._device)


@encode.method("performer-relu", paper="arXiv:2009.14794")
@decode.method("performer-relu", paper="arXiv:2009.14794")
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
