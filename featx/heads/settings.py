"""Settings of heads: which head, and how it is fitted and scored."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from featx.errors import HeadError
from featx.heads.hidden import parse_hidden
from featx.heads.table import HEADS, HeadRow, find_head
from featx.settings import CliOption, Settings, checked_by

ALL_HEADS, QUICK_HEADS = "all", "quick"

GROUPS: Mapping[str, tuple[HeadRow, ...]] = {
    ALL_HEADS: tuple(HEADS.values()),
    QUICK_HEADS: tuple(row for row in HEADS.values() if row.quick),
}
"""Names that stand for several heads."""


def _known_head(name: str) -> str:
    return name.lower() if name.lower() in GROUPS else find_head(name).name


def _rows(name: str) -> tuple[HeadRow, ...]:
    """Return the rows of the table that a name stands for."""
    return GROUPS.get(name) or (HEADS[name],)


def _known_layers(text: str | None) -> str | None:
    if text is not None:
        parse_hidden(text)
    return text


class HeadSettings(Settings):
    """Which head to fit on the embeddings, and how to fit and score it."""

    name: Annotated[
        str,
        checked_by(_known_head),
        CliOption(
            name="head",
            metavar="NAME|quick|all",
            repeatable=True,
            default=QUICK_HEADS,
            names=lambda: (*HEADS, *GROUPS),
        ),
    ] = Field(
        description="Classifier to fit; `featx heads` lists them. quick:"
        f" {', '.join(row.name for row in GROUPS[QUICK_HEADS])}, which take seconds;"
        " all: each that fits the embeddings."
    )

    tune: bool = False
    """Choose the head's parameters by an inner cross-validation on the training
    split."""

    folds: Annotated[int, Field(ge=2)] = 5
    """Number of folds of the cross-validation."""

    repeats: Annotated[int, Field(ge=1)] = 1
    """Repeat the cross-validation this many times, each time with other folds."""

    learning_curve: bool = False
    """Fit on parts of the training images as well, up to ten times in each fold, to say
    what twice as many would likely bring."""

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
        if self.hidden and not any(row.hidden for row in _rows(self.name)):
            having = " and ".join(row.name for row in HEADS.values() if row.hidden)
            raise ValueError(
                f"`hidden`: head '{self.name}' has no hidden layers, only {having} have"
            )
        return self

    @classmethod
    def merged(
        cls, stated: Mapping[str, Any], given: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Leave out stated parameters of other heads, and hidden layers of none."""
        if "name" in given:
            stated = {k: v for k, v in stated.items() if k != "parameters"}
        values = super().merged(stated, given)
        name = str(values.get("name", "")).lower()
        if name in (*HEADS, *GROUPS) and not any(row.hidden for row in _rows(name)):
            values.pop("hidden", None)
        return values

    def each(self, width: int, *, maps: bool) -> "tuple[list[Self], list[str]]":
        """Return one setting per head; of several, those that fit these embeddings.

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
            Heads that are left out only because the rows are wide.
        """
        if self.name not in GROUPS:
            return [self], []
        rows = [row for row in GROUPS[self.name] if maps or not row.on_maps]
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
