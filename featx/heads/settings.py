"""Settings of heads: which head, and how it is fitted and scored."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from featx.errors import HeadError
from featx.heads.hidden import parse_hidden
from featx.heads.table import HEADS, find_head
from featx.settings import CliOption, Settings, checked_by

ALL_HEADS = "all"


def _known_head(name: str) -> str:
    return name if name == ALL_HEADS else find_head(name).name


def _known_layers(text: str | None) -> str | None:
    if text is not None:
        parse_hidden(text)
    return text


class HeadSettings(Settings):
    """Which head to fit on the embeddings, and how to fit and score it."""

    name: Annotated[
        str,
        checked_by(_known_head),
        CliOption(name="head", metavar="NAME|all", repeatable=True),
    ]
    """Classifier to fit; `featx heads` lists them, all means each that fits the
    embeddings."""

    tune: bool = False
    """Choose the head's parameters by an inner cross-validation on the training
    split."""

    folds: Annotated[int, Field(ge=2)] = 5
    """Number of folds of the cross-validation."""

    repeats: Annotated[int, Field(ge=1)] = 1
    """Repeat the cross-validation this many times, each time with other folds."""

    hidden: Annotated[
        str | None,
        checked_by(_known_layers),
        CliOption(metavar="LAYERS", none_means="128 for mlp, 256 for conv"),
    ] = None
    """Comma-separated hidden layers of the heads mlp and conv: a number of units (Dense
    with ReLU), bn or dropoutRATE, for example 768,bn,dropout0.25,512."""

    class_weight: Literal["balanced"] | None = None
    """balanced: rare classes count as much as frequent ones."""

    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the folds and of the head."""

    parameters: Annotated[dict[str, Any], CliOption(exists=False)] = Field(
        default_factory=dict
    )
    """Parameters of the head by name, such as {C = 0.01}."""

    @model_validator(mode="after")
    def _hidden_layers_are_somewhere(self) -> Self:
        if self.hidden and self.name != ALL_HEADS and not HEADS[self.name].hidden:
            having = " and ".join(row.name for row in HEADS.values() if row.hidden)
            raise ValueError(
                f"`hidden`: head '{self.name}' has no hidden layers, only {having} have"
            )
        return self

    def each(self, width: int, *, maps: bool) -> "tuple[list[Self], list[str]]":
        """Return one setting per head; ``all`` means all that fit these embeddings.

        Parameters
        ----------
        width : int
            Numbers in a row.
        maps : bool
            Whether the rows are whole feature maps.

        Returns
        -------
        heads : list of HeadSettings
        left_out : list of str
            Heads that ``all`` leaves out only because the rows are wide.
        """
        if self.name != ALL_HEADS:
            return [self], []
        rows = [row for row in HEADS.values() if maps or not row.on_maps]
        left_out = [r.name for r in rows if r.widest is not None and width > r.widest]
        heads = [
            self.model_copy(
                update={"name": row.name, "hidden": self.hidden if row.hidden else None}
            )
            for row in rows
            if row.name not in left_out
        ]
        return heads, left_out

    def fit_options(
        self, map_shape: tuple[int, int, int] | None, rows_are: str
    ) -> dict[str, Any]:
        """Return the options of `fit_head` for rows of this kind.

        Parameters
        ----------
        map_shape : (int, int, int) or None
            Of rows that are whole feature maps.
        rows_are : str
            What they are else, for the error.

        Raises
        ------
        HeadError
            The head needs whole maps, and these rows are none.
        """
        parameters = dict(self.parameters)
        if self.hidden is not None:
            parameters["hidden"] = self.hidden
        if HEADS[self.name].on_maps and "map_shape" not in parameters:
            if map_shape is None:
                raise HeadError(
                    f"head '{self.name}': needs the whole maps of one backbone at one"
                    f" size, not {rows_are}; extract with --pooling none"
                )
            parameters["map_shape"] = map_shape
        return {
            "seed": self.seed,
            "class_weight": self.class_weight,
            "tune": self.tune,
            "parameters": parameters,
        }
