"""The check that a joined model predicts what its head predicts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from featx.addresses import Address
from featx.embeddings.backbones.extractor import Extractor, KerasExtractor
from featx.embeddings.dataset import float32_views
from featx.embeddings.engines.table import Engine
from featx.embeddings.engines.tensorflow import TensorFlowEngine, is_frozen
from featx.embeddings.spec import Spec
from featx.errors import NetworkError
from featx.finetuning.finetuner import Finetuner
from featx.finetuning.joined_model import Backbones
from featx.frameworks import import_keras
from featx.heads.views import ViewsHead
from featx.images.sources import ImageFiles
from featx.progress import Progress
from featx.training.predict import untraced

if TYPE_CHECKING:
    import keras

TOLERANCE, WIDE_TOLERANCE, WIDE = 1e-4, 1e-3, 100.0
"""How far the joined model's probabilities may be from the head's. The wide tolerance
is for logits in the hundreds, where float32 has few digits left."""


FEW = 100
"""Images up to which a backbone is run layer by layer."""


def check_joined_model(
    tuner: Finetuner, cache_dir: Address, progress: Progress
) -> dict[str, Any]:
    """Compare the joined model with the head on float32 embeddings of the test split.

    Returns
    -------
    dict
        `metrics.json` has it under `graft`.

    Raises
    ------
    NetworkError
        They differ by more than rounding explains.
    """
    embeddings, head = tuner.start.embeddings, tuner.start.head
    rows = embeddings.test
    joined = tuner.join(head, embeddings.train, policy="float32")
    cached = embeddings.views[rows]
    exact = cached
    if any(spec.precision != "float32" for spec in embeddings.specs):
        files = ImageFiles([embeddings.images.files[row] for row in rows])
        extractors = _with_backbone(tuner.start.extractors, joined.backbones, len(rows))
        exact = float32_views(files, extractors, cache_dir, progress)
    expected = ViewsHead(head).predict_proba(exact)
    given = tuner.predict(joined, rows)
    difference = float(np.abs(given - expected).max())
    tolerance = agreement = largest_logit = None
    if head.can_be_trained_further:
        logits = head.logits(exact.reshape(-1, exact.shape[2]))
        largest_logit = float(np.abs(logits).max() / head.temperature_)
        tolerance = WIDE_TOLERANCE if largest_logit > WIDE else TOLERANCE
        # A smaller excess is only reported: the head may divide by tiny deviations.
        if difference > WIDE_TOLERANCE:
            raise NetworkError(
                "the joined model's probabilities differ from the head's by"
                f" {difference:.1e}, more than {WIDE_TOLERANCE:.0e}; please report this"
            )
    else:
        agreement = float(np.mean(given.argmax(axis=1) == expected.argmax(axis=1)))
    drift = None
    if exact is not cached:
        low = ViewsHead(head).predict_proba(cached)
        drift = float(np.abs(low - expected).max())
    return {
        "largest_difference": difference,
        "images": len(rows),
        "tolerance": tolerance,
        "largest_logit": largest_logit,
        "drift": drift,
        "distilled_agreement": agreement,
    }


def _with_backbone(
    extractors: Sequence[KerasExtractor], backbones: Backbones, count: int
) -> list[Extractor]:
    """Return extractors that need not build a single backbone once more.

    Parameters
    ----------
    extractors : sequence of KerasExtractor
        In float32.
    backbones : Backbones
        Of these, not trained yet.
    count : int
        How many images there are.
    """
    if len(backbones.bases) > 1:
        return list(extractors)
    model = import_keras().Model(
        backbones.features.input, backbones.features.outputs[0]
    )

    @cache
    def engine() -> Engine:
        if count <= FEW:
            return _LayerByLayer(model)
        return TensorFlowEngine(model, freeze=is_frozen(extractors[0].backbone))

    return [_BuiltExtractor(one, engine) for one in extractors]


class _LayerByLayer:
    """An engine without a graph, which takes longer to make than to embed few images.

    See `Engine`.
    """

    name, batch_size = "tensorflow", 32

    def __init__(self, model: "keras.Model") -> None:
        self.dim = int(model.output_shape[-1])
        self._run = untraced(model)

    def __call__(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        (rows,) = self._run(batch)
        return np.asarray(rows, np.float32)


@dataclass(frozen=True)
class _BuiltExtractor:
    """An extractor with an engine of its own; see `Extractor`."""

    extractor: KerasExtractor
    engine: Callable[[], Engine]

    @property
    def spec(self) -> Spec:
        return self.extractor.spec

    @property
    def dim(self) -> int:
        return self.engine().dim

    def flipped(self) -> "Extractor":
        return replace(self, extractor=self.extractor.flipped())

    def open(self) -> Engine:
        return self.engine()
