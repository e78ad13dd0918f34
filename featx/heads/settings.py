"""Settings of heads: which head, and how it is fitted and scored."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from featx.errors import HeadError, nearest
from featx.heads.hidden import parse_hidden
from featx.heads.table import HEADS, HeadRow, default_parameters, find_head, make_head
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
    return GROUPS.get(name) or (find_head(name),)


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
        ),
    ] = Field(
        description="Classifier to fit; `featx heads` lists them, and the import path"
        " of a classifier of scikit-learn is one too. quick:"
        f" {', '.join(row.name for row in GROUPS[QUICK_HEADS])}, which take seconds;"
        " all: each of the list that fits the embeddings."
    )

    tune: bool = False
    """Choose the head's parameters by a search inside the training split."""

    tune_seconds: Annotated[float, Field(gt=0)] = 20.0
    """Seconds that the searches of `tune` may take for a head, one search for each fit:
    those of the folds and the last one. Where they are cut, what is found depends on
    the speed of the machine."""

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

    parameters: Annotated[
        dict[str, Any], CliOption(name="set", metavar="NAME=VALUE", pairs=True)
    ] = Field(default_factory=dict)
    """Parameters of the head by name; of several heads, of those that have them."""

    @model_validator(mode="after")
    def _hidden_layers_are_somewhere(self) -> Self:
        if self.hidden and not any(row.hidden for row in _rows(self.name)):
            having = " and ".join(row.name for row in HEADS.values() if row.hidden)
            raise ValueError(
                f"`hidden`: head '{self.name}' has no hidden layers, only {having} have"
            )
        return self

    @model_validator(mode="after")
    def _there_is_something_to_tune(self) -> Self:
        if self.tune and not any(row.space for row in _rows(self.name)):
            raise ValueError(
                f"`tune`: featx knows no values to try for head '{self.name}'; choose"
                " them by `parameters`"
            )
        return self

    @classmethod
    def merged(
        cls, stated: Mapping[str, Any], given: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Leave out stated parameters of other heads, and what is for none."""
        if "name" in given:
            stated = {k: v for k, v in stated.items() if k != "parameters"}
        values = super().merged(stated, given)
        try:
            rows = _rows(_known_head(str(values.get("name", ""))))
        except HeadError:  # told when the settings are checked
            return values
        if not any(row.hidden for row in rows):
            values.pop("hidden", None)
        if "tune" not in given and not any(row.space for row in rows):
            values.pop("tune", None)
        return values

    @classmethod
    def sharing(cls, heads: Sequence[Self]) -> list[Self]:
        """Return heads that keep, of parameters given for all, those that they have.

        Raises
        ------
        HeadError
            None of the heads has one of them, or not with such a value.
        """
        _refuse_unknown(
            dict.fromkeys(name for one in heads for name in one.parameters),
            [row for one in heads for row in _rows(one.name)],
        )
        return [
            one.model_copy(update={"parameters": _known(one, _rows(one.name))})
            for one in heads
        ]

    def each(
        self, width: int, *, maps: bool, rows: int = 0
    ) -> "tuple[list[Self], dict[str, str]]":
        """Return one setting per head; of several, those that fit these embeddings.

        Parameters
        ----------
        width : int
            Numbers in a row.
        maps : bool
            Whether the rows are whole feature maps.
        rows : int
            How many there are to fit on; 0 where that is not known.

        Returns
        -------
        heads : list of HeadSettings
        left_out : dict of str to str
            Heads that are left out only because the rows are wide or many, and which
            of both, in words.

        Raises
        ------
        HeadError
            None of the heads has one of the parameters.
        """
        if self.name not in GROUPS:
            return [self], {}
        fitting = [row for row in GROUPS[self.name] if maps or not row.on_maps]
        _refuse_unknown(self.parameters, fitting)
        left_out = {}
        for row in fitting:
            if row.widest is not None and width > row.widest:
                left_out[row.name] = f"rows of {width} numbers are too wide"
            elif row.most_rows is not None and rows > row.most_rows:
                left_out[row.name] = f"{rows} rows are too many"
        heads = [
            self.model_copy(
                update={
                    "name": row.name,
                    "hidden": self.hidden if row.hidden else None,
                    "parameters": _known(self, [row]),
                }
            )
            for row in fitting
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
        if find_head(self.name).on_maps and "map_shape" not in parameters:
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
            "tune_seconds": self.tune_seconds / (self.folds * self.repeats + 1),
            "parameters": parameters,
        }


def _refuse_unknown(names: Iterable[str], rows: Sequence[HeadRow]) -> None:
    """Refuse names that are no parameters of any of some heads.

    Raises
    ------
    HeadError
    """
    known: dict[str, Any] = {}
    for name in names:
        known = known or {key: 0 for row in rows for key in default_parameters(row)}
        if name not in known:
            heads = [f"'{one}'" for one in dict.fromkeys(row.name for row in rows)]
            which = f"head {heads[0]} has no"
            if len(heads) > 1:
                which = f"none of the heads {', '.join(heads)} has a"
            raise HeadError(f"{which} parameter '{name}'{nearest(name, known)}")


def _known(settings: HeadSettings, rows: Sequence[HeadRow]) -> dict[str, Any]:
    """Return the parameters that any of some heads has.

    Raises
    ------
    HeadError
        A head that has one doesn't allow its value.
    """
    found: dict[str, Any] = {}
    for row in rows if settings.parameters else ():
        known = default_parameters(row)
        chosen = {k: value for k, value in settings.parameters.items() if k in known}
        make_head(row.name, **chosen)
        found |= chosen
    return found
