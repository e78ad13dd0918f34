"""Options that several commands share, and how they become settings."""

from collections.abc import Callable, Sequence
from functools import reduce
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from featx.embeddings.settings import ExtractSettings
    from featx.images.layouts.options import DataSettings
    from featx.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])
S = TypeVar("S", bound="Settings")

PATH = click.Path(path_type=Path)


def _all(*decorators: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Apply decorators so that help lists them in this order."""

    def decorate(command: Command) -> Command:
        return reduce(lambda done, next_: next_(done), reversed(decorators), command)

    return decorate


data_options = _all(
    click.argument("data", required=False, type=PATH),
    click.option("--labels", type=PATH, help="CSV with a file and a label column."),
    click.option("--path-column", help="The CSV's column that names files."),
    click.option("--label-column", help="The CSV's column that names classes."),
    click.option("--train-list", type=PATH, help="Text file of class/file lines."),
    click.option("--test-list", type=PATH, help="The same for the test part."),
)

split_options = _all(
    click.option(
        "--test-size",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        help="Share cut off as the test part, where the data has none.  [0.25]",
    ),
)

cache_dir_option = click.option(
    "--cache-dir",
    type=PATH,
    default=Path("cache"),
    show_default=True,
    help="Where embeddings land.",
)

own_weights_option = click.option(
    "--weights",
    multiple=True,
    type=PATH,
    help="A weights file of your own that was extracted with. May repeat.",
)

embedding_options = _all(
    click.option(
        "--backbone",
        "backbones",
        multiple=True,
        metavar="NAME[@SIZE]",
        help="A frozen network; `featx backbones` lists them. May repeat.",
    ),
    click.option(
        "--image-size",
        "image_sizes",
        multiple=True,
        type=click.IntRange(1),
        help="Side in pixels; the backbone's own by default. May repeat.",
    ),
    click.option(
        "--flip",
        is_flag=True,
        help="Embed the mirrored view too: more to train on, two votes at the test.",
    ),
    click.option(
        "--pooling",
        type=click.Choice(["avg", "max", "none"]),
        default="avg",
        show_default=True,
        help="How the last feature map becomes a row; none: all of it.",
    ),
    click.option(
        "--layer", metavar="NAME", help="An inner layer's output instead of the last."
    ),
    click.option(
        "--weights",
        default="imagenet",
        show_default=True,
        metavar="imagenet|random|PATH",
        help="The backbone's weights.",
    ),
    click.option(
        "--precision",
        type=click.Choice(["auto", "float32", "bfloat16", "float16"]),
        default="auto",
        show_default=True,
        help="Arithmetic; auto: the faster one where the embeddings stay the same.",
    ),
    click.option(
        "--batch-size",
        type=click.IntRange(1),
        help="Images per run of the model.  [what suits the memory]",
    ),
    cache_dir_option,
)

out_dir_option = click.option(
    "--out-dir",
    type=PATH,
    default=Path("reports"),
    show_default=True,
    help="Where runs and reports land.",
)

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print the result as JSON."
)


def data_settings(
    data: Path | None, *, seed: int = 0, test_size: float | None = None, **given: Any
) -> "DataSettings":
    """Return the data that is meant; what isn't given may stand in featx.toml."""
    from featx.images.layouts.options import DataSettings
    from featx.pipeline.recipe import default_data

    named = {key: value for key, value in given.items() if value is not None}
    if test_size is not None:
        named["test_size"] = test_size
    if seed:
        named["seed"] = seed
    if data is not None:
        return DataSettings(path=data, **named)
    return default_data().model_copy(update=named)


def extract_settings(
    backbones: Sequence[str], image_sizes: Sequence[int], **rest: Any
) -> "list[ExtractSettings]":
    """Return one setting for each backbone at each size.

    Raises
    ------
    click.UsageError
        A value that is not allowed.
    """
    from featx.embeddings.settings import ExtractSettings

    if not backbones:
        _refuse_lonely(image_size=image_sizes or None, **rest)
    sizes: list[int | None] = [*image_sizes] or [None]
    wanted = []
    for name, size in product(backbones, sizes):
        backbone, at, own_size = name.partition("@")
        if at and image_sizes:
            raise click.UsageError(
                f"--backbone {name}: give sizes after @ or by --image-size, not both"
            )
        side = own_size if at else size
        wanted.append(
            checked(ExtractSettings, backbone=backbone, image_size=side, **rest)
        )
    return wanted


def _refuse_lonely(**given: Any) -> None:
    """Refuse options that say which embeddings, where no backbone is named.

    What was extracted last is taken as it is: they would be passed over.
    """
    from featx.embeddings.settings import ExtractSettings

    for name, value in given.items():
        if value != ExtractSettings.model_fields[name].default:
            option = name.replace("_", "-")
            raise click.UsageError(f"--{option} needs --backbone beside it")


def checked(kind: type[S], **values: Any) -> S:
    """Make settings; a value that is not allowed is wrong usage.

    Raises
    ------
    click.UsageError
    """
    from pydantic import ValidationError

    try:
        return kind(**values)
    except ValidationError as error:
        wrong = error.errors()[0]
        message = wrong["msg"].removeprefix("Value error, ")
        raise click.UsageError(message) from None
