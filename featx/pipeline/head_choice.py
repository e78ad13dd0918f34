"""Which heads fit some embeddings, and what the embeddings say of a head."""

from typing import Any

from featx.embeddings import find_map_shape
from featx.errors import HeadError
from featx.heads import HEADS
from featx.pipeline.embedding import Embeddings
from featx.pipeline.settings import ALL_HEADS, HeadSettings


def fitting_heads(
    named: HeadSettings, embeddings: Embeddings
) -> tuple[list[HeadSettings], list[str]]:
    """Return one setting per head; ``all`` means all that fit these embeddings.

    Returns
    -------
    heads : list of HeadSettings
    left_out : list of str
        Heads that ``all`` leaves out only because the rows are wide.
    """
    if named.name != ALL_HEADS:
        return [named], []
    width = embeddings.views.shape[2]
    has_maps = map_shape(embeddings) is not None
    rows = [row for row in HEADS.values() if has_maps or not row.on_maps]
    left_out = [r.name for r in rows if r.widest is not None and width > r.widest]
    heads = [
        named.model_copy(
            update={"name": row.name, "hidden": named.hidden if row.hidden else None}
        )
        for row in rows
        if row.name not in left_out
    ]
    return heads, left_out


def map_shape(embeddings: Embeddings) -> tuple[int, int, int] | None:
    """Return height, width and channels of the rows' maps; None where they are none.

    Several backbones or sizes side by side are no map.
    """
    upright = [spec for spec in embeddings.specs if not spec.flip]
    if len(upright) > 1:
        return None
    return find_map_shape(upright[0], embeddings.views.shape[2])


def head_parameters(settings: HeadSettings, embeddings: Embeddings) -> dict[str, Any]:
    """Return a head's parameters: those that are set, and those of the embeddings.

    Raises
    ------
    HeadError
        The head needs whole maps, and these embeddings are none.
    """
    parameters = dict(settings.parameters)
    if settings.hidden is not None:
        parameters["hidden"] = settings.hidden
    if HEADS[settings.name].on_maps and "map_shape" not in parameters:
        shape = map_shape(embeddings)
        if shape is None:
            raise HeadError(
                f"head '{settings.name}': needs the whole maps of one backbone at one"
                f" size, not {_described(embeddings)}; extract with --pooling none"
            )
        parameters["map_shape"] = shape
    return parameters


def _described(embeddings: Embeddings) -> str:
    upright = [spec for spec in embeddings.specs if not spec.flip]
    if len(upright) > 1:
        return f"{len(upright)} embeddings side by side"
    if upright[0].pooling != "none":
        return f"{upright[0].pooling} pooling"
    return f"layer '{upright[0].layer}', which has no places"
