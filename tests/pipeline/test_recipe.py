"""Recipes hold all settings of a task; what is wrong in one is said in one line."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from featx.embeddings.backbones.extractor import find_extractor
from featx.embeddings.settings import ExtractSettings
from featx.errors import RecipeError
from featx.finetuning.settings import FinetuneSettings
from featx.images.layouts.options import DataSettings
from featx.pipeline.recipe import (
    read_recipe,
    recipe_text,
    settings_of,
)
from tests.pipeline.drawn import recipes

FIXTURES = Path(__file__).parents[1] / "fixtures" / "v0.1.0"

MINIMAL = '[[extract]]\nbackbone = "resnet50"\n[[head]]\nname = "svm"\n'


@pytest.fixture
def recipe(tmp_path):
    def write(text):
        path = tmp_path / "task.toml"
        path.write_text(text)
        return path

    return write


def test_what_is_not_said_has_the_defaults_of_the_command_line(recipe):
    read = read_recipe(recipe(MINIMAL))
    assert read.data.path == Path("data")
    assert read.cache.folder == Path("cache")
    assert read.report.out_dir == Path("reports")
    assert (read.extract[0].weights, read.extract[0].pooling) == ("imagenet", "avg")
    assert (read.head[0].folds, read.head[0].repeats) == (5, 1)


def test_a_preset_gives_way_where_its_epochs_are_not_chosen():
    for preset in ("adam-10", "rmsprop-100"):
        settings = FinetuneSettings(preset=preset, choose="average")
        assert settings.choose == "average"
        assert settings.learning_rate == 1e-4
        assert settings.schedule == "cosine"
    # What is asked for besides is still refused.
    with pytest.raises(ValueError, match="chooses an epoch"):
        FinetuneSettings(preset="adam-10", choose="average", patience=2)


def test_a_preset_says_what_is_not_said(recipe):
    assert read_recipe(recipe(MINIMAL)).finetune == []
    asked = MINIMAL + "[[finetune]]\npreset = 'adam-10'\npatience = 2\n"
    (read,) = read_recipe(recipe(asked)).finetune
    assert (read.schedule, read.monitor, read.patience) == ("plateau", "accuracy", 2)
    assert "preset" not in read.model_dump()


def test_the_best_head_may_be_finetuned_in_several_ways(recipe):
    asked = "[[finetune]]\nunfreeze = 'mixed9'\n[[finetune]]\nunfreeze = 'conv2d_93'\n"
    read = read_recipe(recipe(MINIMAL + asked))
    assert [one.unfreeze for one in read.finetune] == ["mixed9", "conv2d_93"]
    assert read_recipe(recipe(recipe_text(read))) == read


def test_all_heads_may_be_meant(recipe):
    read = read_recipe(recipe(MINIMAL.replace("svm", "all")))
    assert read.head[0].name == "all"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[data]\npaht = 1\n" + MINIMAL,
            "unknown key 'data.paht'; did you mean 'path'",
        ),
        ("[dat]\n" + MINIMAL, "unknown key 'dat'; did you mean 'data'"),
        (MINIMAL + "tuen = true\n", "unknown key 'head.tuen'; did you mean 'tune'"),
        ("[data]\nzzz = 1\n" + MINIMAL, "unknown key 'data.zzz'; known here: label"),
        ('[[extract]]\nbackbone = "resnet50"\n', "'head' is missing"),
        ("[[extract]]\n[[head]]\nname='svm'\n", "'extract.backbone' is missing"),
        (MINIMAL.replace("resnet50", "resnet5O"), "did you mean 'resnet50'"),
        (
            MINIMAL + "hidden = '8'\n",
            "'head.hidden': head 'svm' has no hidden layers, only mlp",
        ),
        (MINIMAL.replace("svm", "svn"), "no head 'svn'; did you mean 'svm'"),
        (
            MINIMAL + "folds = 1\n",
            "'head.folds': input should be greater than or equal",
        ),
        ("[data]\ntest_size = 2\n" + MINIMAL, "'data.test_size': input should be less"),
        (
            MINIMAL + "[[finetune]]\nepoch = 1\n",
            "'finetune.epoch'; did you mean 'epochs'",
        ),
        (MINIMAL + "[finetune]\npreset = 'x'\n", "'finetune.preset': input should be"),
        ("[data\n", "not TOML"),
        ("extract = 3\n", "'extract': input should be a valid list"),
        ("", "'extract' and 'head', or 'network', are missing"),
        ("[[head]]\nname = 'svm'\n", "'extract' is missing: heads are fitted on"),
        ("[[network]]\nname = 'cnn'\n[finetune]\n", "'head' is missing"),
        ("[[network]]\nname = 'cn'\n", "'network.name': no network 'cn'; did you mean"),
        ("[[network]]\nname = 'cnn'\nepoch = 1\n", "did you mean 'epochs'"),
        (
            MINIMAL.replace('resnet50"', 'resnet50@64"\nimage_size = 32'),
            "'extract.backbone' resnet50@64: give the size after @",
        ),
    ],
)
def test_wrong_recipes_are_told_in_one_line(recipe, text, message):
    path = recipe(text)
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_missing_recipe_is_told(tmp_path):
    with pytest.raises(RecipeError, match="No such file or directory"):
        read_recipe(tmp_path / "none.toml")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=recipes())
def test_what_is_written_is_read_again(recipe, drawn):
    assert read_recipe(recipe(recipe_text(drawn))) == drawn


def test_data_and_what_differs_from_the_defaults_are_written(recipe):
    text = recipe_text(read_recipe(recipe(MINIMAL + "folds = 5\n[[finetune]]\n")))
    assert text == (
        "# Makes svm on resnet50, fine-tuned.\n"
        "#\n"
        "# featx run recipe.toml\n"
        "#\n"
        "# Run it in the folder in which the run was made: relative paths start there."
        '\n\n[data]\npath = "data"\n\n[[extract]]\nbackbone = "resnet50"\n\n'
        '[[head]]\nname = "svm"\n\n[[finetune]]\n'
    )


def test_a_value_that_toml_cannot_hold_leaves_no_recipe(recipe):
    read = read_recipe(recipe(MINIMAL))
    data = DataSettings(path=Path("caf\udce9"))
    assert recipe_text(read.model_copy(update={"data": data})) == ""


def test_a_recipe_of_version_0_1_0_is_read_and_written(recipe):
    read = read_recipe(FIXTURES / "recipes" / "everything.toml")
    assert [one.schedule for one in read.finetune] == ["plateau"]
    assert read_recipe(recipe(recipe_text(read))) == read


@pytest.mark.parametrize("more", [{}, {"stretch": True}, {"resize": "crop"}])
def test_extractors_give_the_settings_that_make_them(more):
    options = {"image_size": 64, "weights": "random", "precision": "float32", **more}
    wanted = ExtractSettings(backbone="mobilenet-0.25", **options)
    extractor = find_extractor("mobilenet-0.25", **options)
    assert settings_of([extractor]) == [wanted]
