"""Every setting is described where it is stated, for help, schema and documents."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from featx.embeddings.settings import CacheSettings, ExtractSettings
from featx.errors import SettingsError
from featx.export.settings import ExportSettings
from featx.finetuning.settings import FinetuneSettings
from featx.heads.settings import HeadSettings
from featx.images.layouts.options import DataSettings
from featx.networks.settings import NetworkSettings
from featx.pipeline.recipe import Recipe
from featx.predict.settings import OutputSettings
from featx.runs.settings import ReportSettings
from featx.settings import (
    cli_options,
    first_error,
    read_pairs,
    rename_fields,
    with_values,
    write_pair,
)

KINDS = [
    CacheSettings,
    DataSettings,
    ExportSettings,
    ExtractSettings,
    FinetuneSettings,
    HeadSettings,
    NetworkSettings,
    OutputSettings,
    Recipe,
    ReportSettings,
]


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_describes_every_field(kind):
    schema = kind.model_json_schema()
    assert schema["description"]
    assert schema["additionalProperties"] is False
    for name, field in kind.model_fields.items():
        assert field.description.endswith("."), name
        assert schema["properties"][name]["description"] == field.description


def test_the_schema_of_a_recipe_holds_defaults_and_bounds():
    schema = Recipe.model_json_schema()
    folds = schema["$defs"]["HeadSettings"]["properties"]["folds"]
    assert (folds["default"], folds["minimum"]) == (5, 2)


def test_options_are_named_as_fields_or_by_their_annotation():
    options = cli_options(CacheSettings)
    assert options["folder"].name == "cache-dir"
    assert options["batch_size"].name == "batch-size"
    assert cli_options(HeadSettings)["parameters"].name == "set"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("1e-3", 0.001),
        ("true", True),
        ("sqrt", "sqrt"),
        ("'5'", "5"),
        ("[128, 64]", [128, 64]),
        ("", ""),
        ("a=b", "a=b"),
        ("inf", "inf"),
        ("2026-01-01", "2026-01-01"),
        ("1\nother = 2", "1\nother = 2"),
        ("{a = 1}", "{a = 1}"),
    ],
)
def test_values_of_pairs_are_read_as_toml(text, value):
    found = read_pairs([f"name={text}", f" other = {text} "])
    assert repr(found) == repr({"name": value, "other": value})


@pytest.mark.parametrize("pairs", [["max_depth"], ["=5"], ["a=1", "a=2"]])
def test_what_is_no_pair_is_told(pairs):
    with pytest.raises(SettingsError, match=f"'{pairs[-1]}': "):
        read_pairs(pairs)


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
PLAIN = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | TEXT


@given(TEXT, st.recursive(PLAIN, st.lists, max_leaves=4))
def test_pairs_are_read_as_they_are_written(name, value):
    text = write_pair(name, value)
    if text is not None:
        assert repr(read_pairs([text])) == repr({name: value})


@pytest.mark.parametrize("value", [0.1, 1, 1.0, True, "x", "1", "é\n", [1, "a"], -0.5])
def test_what_toml_holds_can_be_written(value):
    assert write_pair("C", value) is not None


@pytest.mark.parametrize(("name", "value"), [("C", None), ("a=b", 1), ("", 1)])
def test_what_toml_does_not_hold_is_not_written(name, value):
    assert write_pair(name, value) is None


def test_an_unknown_key_is_the_first_error():
    with pytest.raises(ValidationError) as caught:
        Recipe.model_validate({"head": [{"nam": "svm"}]})
    assert first_error(caught.value)[:2] == (["head", "nam"], "extra_forbidden")


def test_fields_are_renamed_in_messages_and_nothing_else_is():
    message = "`folds` as `featx heads` says, `fold`"
    renamed = rename_fields(message, HeadSettings, lambda name: f"--{name}")
    assert renamed == "--folds as `featx heads` says, `fold`"


def test_values_by_name_come_over_the_others():
    start = HeadSettings(name="svm", folds=3)
    changed = with_values(start, {"seed": 7}, function="fit")
    assert changed == HeadSettings(name="svm", folds=3, seed=7)
    assert with_values(FinetuneSettings, {}, function="finetune") == FinetuneSettings()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "smv"}, "fit: name: no head 'smv'; did you mean 'svm'?"),
        ({"folds": 1}, "fit: folds: input should be greater than or equal to 2"),
        ({"fold": 3}, "fit: no setting 'fold'; did you mean 'folds'"),
        ({"xyzw": 3}, "fit: no setting 'xyzw'; the settings are name, "),
    ],
)
def test_a_wrong_value_by_name_is_one_line(values, message):
    with pytest.raises(SettingsError) as caught:
        with_values(HeadSettings, {"name": "svm", **values}, function="fit")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (DataSettings, {"seed": -1}),
        (HeadSettings, {"name": "lda", "seed": -1}),
        (NetworkSettings, {"name": "cnn", "seed": 2**32}),
        (FinetuneSettings, {"seed": -1}),
        (FinetuneSettings, {"learning_rate": math.inf}),
        (FinetuneSettings, {"weight_decay": math.nan}),
        (NetworkSettings, {"name": "cnn", "learning_rate": math.inf}),
    ],
)
def test_a_number_that_no_step_could_use_is_refused(kind, values):
    with pytest.raises(ValidationError, match=list(values)[-1]):
        kind(**values)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (NetworkSettings, {"factor": 0.5}),
        (NetworkSettings, {"least_rate": 1e-4}),
        (NetworkSettings, {"pretrain_epochs": 3}),
        (NetworkSettings, {"name": "cnn", "parts": "depth"}),
        (FinetuneSettings, {"plateau_patience": 9}),
        (FinetuneSettings, {"schedule": "constant", "factor": 0.5}),
        (FinetuneSettings, {"schedule": "constant", "least_rate": 1e-4}),
    ],
)
def test_settings_that_would_be_ignored_are_refused(kind, values):
    name = {"name": "basenet"} if kind is NetworkSettings else {}
    with pytest.raises(ValidationError, match=f"`{list(values)[-1]}`"):
        kind(**{**name, **values})


@pytest.mark.parametrize(
    "values",
    [
        {"schedule": "cosine", "least_rate": 1e-4},
        {"preset": "rmsprop-100", "schedule": "constant"},
        {"preset": "rmsprop-100", "schedule": "constant", "choose": "average"},
    ],
)
def test_settings_that_have_an_effect_are_taken(values):
    found = FinetuneSettings(**values)
    assert found.schedule == values["schedule"]
    assert found.least_rate == values.get("least_rate", 1e-7)
