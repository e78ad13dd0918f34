"""A plain command is given where one makes the same run as a recipe."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from featx.cli.main import main
from featx.embeddings.settings import CacheSettings, ExtractSettings
from featx.finetuning.settings import FinetuneSettings
from featx.heads.settings import HeadSettings
from featx.images.layouts.options import DataSettings
from featx.networks.settings import NetworkSettings
from featx.pipeline.command import plain_command
from featx.pipeline.recipe import Recipe
from featx.runs.settings import ReportSettings
from tests.pipeline.drawn import drawn

RESNET = ExtractSettings(backbone="resnet50")
SVM = HeadSettings(name="svm")


def parsed(command):
    """Return the settings that the command line makes of a command."""
    _, name, *words = shlex.split(command)
    called = main.commands[name]
    values = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(called, "callback", lambda **given: values.update(given))
        called.main(words, standalone_mode=False)
    return values


@st.composite
def with_one_seed(draw, kind):
    """Draw settings of data and of what is fitted on it that share their seed."""
    data = draw(drawn(DataSettings))
    fitted = draw(drawn(kind))
    return data, fitted.model_copy(update={"seed": data.seed})


@given(
    with_one_seed(HeadSettings),
    st.fixed_dictionaries(
        {},
        optional={
            "random_state": st.integers(0, 9),
            "class_weight": st.sampled_from(["balanced", "7", "true", "a = b", "'"]),
        },
    ),
    st.lists(st.sampled_from([None, 64, 128]), min_size=1, unique=True),
    drawn(ExtractSettings),
    drawn(CacheSettings),
    drawn(ReportSettings),
)
def test_fit(data_and_head, parameters, sizes, extract, cache, report):
    data, head = data_and_head
    head = head.model_copy(update={"parameters": parameters})
    extract = [extract.model_copy(update={"image_size": size}) for size in sizes]
    recipe = Recipe(data=data, cache=cache, extract=extract, head=[head], report=report)
    values = parsed(plain_command(recipe))
    assert values["data"] == data
    assert values["heads"] == [head]
    assert values["extract"] == extract
    assert (values["cache"], values["report"]) == (cache, report)


@given(with_one_seed(NetworkSettings), drawn(ReportSettings))
def test_train(data_and_network, report):
    data, network = data_and_network
    recipe = Recipe(data=data, network=[network], report=report)
    values = parsed(plain_command(recipe))
    assert (values["data"], values["networks"]) == (data, [network])
    assert values["report"] == report


@given(drawn(FinetuneSettings), drawn(ReportSettings))
def test_finetune(finetune, report):
    own = RESNET.model_copy(update={"weights": "own.weights.h5"})
    recipe = Recipe(extract=[own], head=[SVM], finetune=[finetune], report=report)
    values = parsed(plain_command(recipe, parent="data-svm"))
    assert (values["run"], values["settings"]) == ("data-svm", finetune)
    assert [str(path) for path in values["weights"]] == ["own.weights.h5"]
    assert values["report"] == report


def test_the_shortest():
    recipe = Recipe(extract=[RESNET], head=[SVM])
    assert plain_command(recipe) == "featx fit data --backbone resnet50 --head svm"


def test_parameters_of_a_head():
    path = "sklearn.tree.DecisionTreeClassifier"
    head = HeadSettings(name=path, parameters={"max_depth": 5, "criterion": "entropy"})
    command = plain_command(Recipe(extract=[RESNET], head=[head]))
    assert command.endswith(f"{path} --set max_depth=5 --set criterion=entropy")
    assert parsed(command)["heads"] == [head]


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(
            extract=[RESNET, ExtractSettings(backbone="vgg16", pooling="max")],
            head=[SVM],
        ),
        Recipe(
            extract=[RESNET], head=[HeadSettings(name="svm", parameters={"C": None})]
        ),
        Recipe(data=DataSettings(seed=1), extract=[RESNET], head=[SVM]),
    ],
    ids=["two kinds of pooling", "a parameter that is none", "two seeds"],
)
def test_what_no_command_says(recipe):
    assert plain_command(recipe) is None
