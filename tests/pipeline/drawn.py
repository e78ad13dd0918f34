"""Settings and recipes that hypothesis draws, of all kinds and from all fields."""

from pathlib import Path
from typing import Literal, get_args, get_origin

from hypothesis import strategies as st

from featx.addresses import Address
from featx.embeddings.settings import CacheSettings, ExtractSettings
from featx.finetuning.settings import OF_EPOCHS, FinetuneSettings
from featx.heads.settings import HeadSettings
from featx.heads.table import HEADS
from featx.images.layouts.options import DataSettings
from featx.networks.settings import NetworkSettings
from featx.pipeline.recipe import Recipe
from featx.runs.settings import ReportSettings
from featx.training.settings import IGNORED_BY, TrainingSettings

NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1
).filter(lambda text: not text.startswith("-") and "@" not in text)

PARAMETERS = st.dictionaries(
    NAMES,
    st.one_of(
        st.integers(-(2**60), 2**60),
        st.floats(allow_nan=False, allow_infinity=False),
        NAMES,
        st.booleans(),
    ),
    min_size=1,
    max_size=2,
)

BY_NAME = {
    (ExtractSettings, "backbone"): st.sampled_from(["resnet50", "mobilenet-0.25"]),
    (HeadSettings, "name"): st.sampled_from([*HEADS, "all"]),
    (HeadSettings, "hidden"): st.sampled_from(["8", "16,bn,dropout0.5"]),
    (HeadSettings, "parameters"): PARAMETERS,
    (NetworkSettings, "name"): st.just("basenet"),  # the only one that takes parts
    (NetworkSettings, "parts"): st.sampled_from(["depth", "augment,batchnorm"]),
    (NetworkSettings, "dense"): st.sampled_from(["50", "256,128"]),
    (NetworkSettings, "augment"): st.sampled_from(["none", "light,vflip,shear0.2"]),
    (FinetuneSettings, "augment"): st.sampled_from(["light", "medium,mixup0.1"]),
    (FinetuneSettings, "unfreeze"): st.sampled_from(["none", "10%", "block_16"]),
}
"""Values of fields that don't take any of their type."""


def values(kind, name):
    """Draw from a field's type and bounds, which the class states."""
    if (kind, name) in BY_NAME:
        return BY_NAME[kind, name]
    field = kind.model_fields[name]
    (type_,) = [k for k in get_args(field.annotation) if k is not type(None)][:1] or [
        field.annotation
    ]
    if get_origin(field.annotation) is Literal:
        type_ = field.annotation
    if get_origin(type_) is Literal:
        return st.sampled_from(get_args(type_))
    bounds = {
        one: getattr(meta, one)
        for meta in field.metadata
        for one in ("ge", "gt", "le", "lt")
        if hasattr(meta, one)
    }
    low = bounds.get("ge", bounds.get("gt", 0))
    high = bounds.get("le", bounds.get("lt", 10))
    if type_ is float:
        return st.floats(
            low, high, exclude_min="gt" in bounds, exclude_max="lt" in bounds
        )
    return {
        bool: st.booleans(),
        int: st.integers(low, bounds.get("le", 2**31)),
        str: NAMES,
        Path: NAMES.map(Path),
        Address: NAMES.map(Path) | st.just("memory://bucket/photos"),
    }[type_]


@st.composite
def drawn(draw, kind, **fixed):
    """Draw settings: some of the fields, all others as they are by default."""
    fields = [name for name in kind.model_fields if name not in fixed]
    chosen = draw(st.lists(st.sampled_from(fields), unique=True))
    required = [name for name in fields if kind.model_fields[name].is_required()]
    given = {
        name: draw(values(kind, name)) for name in dict.fromkeys([*required, *chosen])
    }
    if kind is HeadSettings and given["name"] == "ensemble":  # has nothing to tune
        given.pop("tune", None)
    if kind is HeadSettings and given["name"] not in ("mlp", "conv", "all"):
        given.pop("hidden", None)
    if issubclass(kind, TrainingSettings):
        usual = kind.model_fields["schedule"].default
        ignored = IGNORED_BY[given.get("schedule", usual)]
        given = {k: v for k, v in given.items() if k not in ignored}
    if kind is NetworkSettings and not given.get("pretrain"):
        given.pop("pretrain_epochs", None)
    if kind is FinetuneSettings:
        if given.get("copies"):
            given |= {"augment": "light", "cached": True}
        of_epochs = given.keys() & {*OF_EPOCHS, "preset"}
        if of_epochs or given.get("schedule") == "plateau":
            given["choose"] = "epoch"
    return kind(**given, **fixed)


@st.composite
def recipes(draw, most=3, **fixed):
    """Draw recipes of heads, networks, or both."""
    what = draw(st.sampled_from(["heads", "networks", "both"]))
    tables = {}
    if what != "networks":
        flip = draw(st.booleans())
        tables["extract"] = draw(
            st.lists(drawn(ExtractSettings, flip=flip), min_size=1, max_size=most)
        )
        tables["head"] = draw(st.lists(drawn(HeadSettings), min_size=1, max_size=most))
        tables["finetune"] = draw(st.lists(drawn(FinetuneSettings), max_size=most))
    if what != "heads":
        tables["network"] = draw(
            st.lists(drawn(NetworkSettings), min_size=1, max_size=most)
        )
    for name, kind in (
        ("data", DataSettings),
        ("cache", CacheSettings),
        ("report", ReportSettings),
    ):
        tables[name] = draw(drawn(kind))
    return Recipe(**{**tables, **fixed})
