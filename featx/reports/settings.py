"""The settings of a run, as reports list them."""

from collections.abc import Iterator, Mapping
from typing import Any

from featx.finetuning.settings import OF_EPOCHS, FinetuneSettings
from featx.heads.settings import HeadSettings
from featx.networks.settings import NetworkSettings
from featx.runs.info import Kind
from featx.settings import Settings, cli_options
from featx.training.settings import IGNORED_BY

SETTINGS_OF: dict[Kind, type[Settings]] = {
    Kind.HEAD: HeadSettings,
    Kind.NETWORK: NetworkSettings,
    Kind.FINETUNE: FinetuneSettings,
}


def effective(kind: Kind, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the settings that had an effect, None as what it stands for.

    Parameters
    ----------
    kind : Kind
    values : mapping
        The settings by name, as `run.json` has them.
    """
    unused = set(IGNORED_BY.get(values.get("schedule", "constant"), ()))
    if values.get("choose") == "average":
        unused.update(OF_EPOCHS)
    options = cli_options(SETTINGS_OF[kind])
    for name, value in values.items():
        if name in unused:
            continue
        option = options.get(name)
        stands_for = option.none_means if option and value is None else None
        yield name, stands_for or value
