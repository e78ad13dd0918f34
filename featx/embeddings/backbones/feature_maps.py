"""The shape of the feature maps that rows of ``--pooling none`` are."""

from math import isqrt

from featx.embeddings.backbones.table import find_backbone
from featx.embeddings.spec import Spec
from featx.errors import BackboneError


def find_map_shape(spec: Spec, width: int) -> tuple[int, int, int] | None:
    """Return height, width and channels of the maps that lie flat in a spec's rows.

    For a backbone's last map the table of backbones says it; no framework is needed.
    For an inner layer the backbone is built, without its weights.

    Parameters
    ----------
    spec : Spec
    width : int
        Of a row.

    Returns
    -------
    tuple of int, or None
        None where rows are no maps: they are pooled, or the layer has no places.

    Raises
    ------
    BackboneError
        There is no such backbone, or its maps are not of that many numbers.
    """
    if spec.pooling != "none":
        return None
    if spec.layer is not None:
        from featx.embeddings.backbones.keras_model import layer_shape

        shape = layer_shape(spec.backbone, spec.image_size, spec.layer)
        if len(shape) != 3:
            return None
        height, width, channels = shape
        return height, width, channels
    features = find_backbone(spec.backbone).features
    side = isqrt(width // features)
    if side * side * features != width:
        raise BackboneError(
            f"{spec}: rows of {width} numbers are no square maps of {features} channels"
        )
    return side, side, features
