"""Heads that need maps get their shape, or say in one line what they need."""

from dataclasses import replace

import numpy as np
import pytest

import featx
from featx.embeddings.backbones.keras_model import find_map_shape
from featx.embeddings.settings import ExtractSettings
from featx.embeddings.spec import Spec
from featx.errors import BackboneError, HeadError
from featx.heads.settings import HeadSettings
from featx.heads.table import HEADS
from featx.images.layouts.options import DataSettings
from featx.pipeline.fit import fit_run
from featx.pipeline.recipe import Recipe
from featx.runs.settings import ReportSettings
from tests.conftest import FakeExtractor

MAPS = Spec(
    backbone="mobilenet-0.25",
    image_size=32,
    pooling="none",
    weights="random",
    weights_id="0",
)
CONV = HeadSettings(name="conv")


def fitting_heads(named, embeddings):
    has_maps = embeddings.map_shape is not None
    return named.each(embeddings.views.shape[2], maps=has_maps)


def head_parameters(settings, embeddings):
    options = settings.fit_options(embeddings.map_shape, embeddings.rows_are)
    return options["parameters"]


@pytest.fixture
def embeddings(colours, tmp_path):
    images = featx.read_images(colours)
    return featx.embed(images, FakeExtractor(), cache_dir=tmp_path / "cache")


def with_maps(embeddings, *specs, width=256):
    rng = np.random.default_rng(0)
    views = rng.random((len(embeddings.images), 1, width), np.float32)
    return replace(embeddings, specs=specs or (MAPS,), views=views)


def names(embeddings):
    return [one.name for one in fitting_heads(HeadSettings(name="all"), embeddings)[0]]


def test_all_is_what_fits(embeddings):
    assert names(embeddings) == [name for name in HEADS if name != "conv"]
    assert names(with_maps(embeddings)) == [*HEADS]


def test_wide_rows_are_for_networks_unless_others_are_named(embeddings):
    wide = with_maps(embeddings, width=256 * 81)
    assert names(wide) == ["softmax", "knn", "mlp", "conv"]
    left_out = fitting_heads(HeadSettings(name="all"), wide)[1]
    assert left_out.keys() == set(HEADS) - {"softmax", "knn", "mlp", "conv"}
    assert set(left_out.values()) == {"rows of 20736 numbers are too wide"}
    named = HeadSettings(name="svm")
    assert fitting_heads(named, wide) == ([named], {})


def test_many_rows_are_not_for_heads_that_take_long_with_them():
    each, left_out = HeadSettings(name="all").each(1280, maps=False, rows=5001)
    too_many = "5001 rows are too many"
    assert left_out == {"svm-rbf": too_many, "ensemble": too_many}
    assert "svm-rbf" not in {one.name for one in each}
    for rows, left in [(0, set()), (2000, set()), (5000, {"ensemble"})]:
        every = HeadSettings(name="all").each(1280, maps=False, rows=rows)
        assert every[1].keys() == left
    named = HeadSettings(name="svm-rbf")
    assert named.each(1280, maps=False, rows=9999) == ([named], {})


def test_parameters_go_to_the_heads_that_have_them():
    every = HeadSettings(name="all", parameters={"C": 0.5, "k": 3})
    given = {one.name: one.parameters for one in every.each(8, maps=False)[0]}
    assert given["svm"] == given["logreg"] == given["svm-rbf"] == {"C": 0.5}
    assert given["knn"] == {"k": 3}
    assert given["lda"] == {}


def test_heads_share_parameters():
    heads = [
        HeadSettings(name=name, parameters={"C": 0.5, "max_depth": 3})
        for name in ("lda", "quick", "sklearn.tree.DecisionTreeClassifier")
    ]
    lda, quick, tree = HeadSettings.sharing(heads)
    assert lda.parameters == {}
    assert quick.parameters == {"C": 0.5}
    assert tree.parameters == {"max_depth": 3}
    assert quick.each(8, maps=False)[0][0].parameters == {"C": 0.5}


@pytest.mark.parametrize(
    ("names", "parameters", "said"),
    [
        (["svm"], {"c": 1}, "head 'svm' has no parameter 'c'; did you mean 'C'"),
        (
            ["svm", "lda"],
            {"depth": 1},
            "none of the heads 'svm', 'lda' has a parameter",
        ),
        (
            ["svm", "knn"],
            {"k": 0},
            "head 'knn': parameter 'k': .* greater than or equal",
        ),
        (["all"], {"k": "x"}, "head 'knn': parameter 'k': input should be a valid int"),
        (["all"], {"alph": 1.0}, "has a parameter 'alph'; did you mean 'alpha'"),
    ],
)
def test_parameters_that_no_head_has(names, parameters, said):
    heads = [HeadSettings(name=name, parameters=parameters) for name in names]
    with pytest.raises(HeadError, match=said):
        HeadSettings.sharing(heads)


def test_a_group_of_a_recipe_needs_its_parameters_too():
    with pytest.raises(HeadError, match="has a parameter 'depth'"):
        HeadSettings(name="all", parameters={"depth": 1}).each(8, maps=False)


def test_a_head_without_values_to_try_is_not_tuned():
    path = "sklearn.naive_bayes.GaussianNB"
    with pytest.raises(ValueError, match="knows no values to try for head 'sklearn"):
        HeadSettings(name=path, tune=True)
    # What a file states for other heads doesn't matter.
    merged = HeadSettings.merged({"tune": True, "hidden": "8"}, {"name": path})
    assert merged == {"name": path}
    assert HeadSettings.merged({"tune": True}, {"name": "svm"})["tune"]


def test_hidden_layers_go_to_heads_that_have_some(embeddings):
    heads, _ = fitting_heads(HeadSettings(name="all", hidden="8"), embeddings)
    assert {one.name for one in heads if one.hidden} == {"mlp"}


def test_the_last_map_needs_no_framework(embeddings):
    found = head_parameters(CONV, with_maps(embeddings, width=256 * 4))
    assert found["map_shape"] == (2, 2, 256)


def test_rows_that_are_no_maps_of_the_backbone():
    with pytest.raises(BackboneError, match="300 numbers are not square maps of 256"):
        find_map_shape(MAPS, 300)


@pytest.mark.parametrize(
    ("specs", "said"),
    [
        ([replace(MAPS, pooling="avg")], "not avg pooling; extract with --pooling"),
        ([MAPS, replace(MAPS, image_size=64)], "not 2 embeddings side by side"),
    ],
)
def test_what_is_no_map_is_told(embeddings, specs, said):
    with pytest.raises(HeadError, match=f"'conv': needs the whole maps .*{said}"):
        head_parameters(CONV, with_maps(embeddings, *specs))


def test_mirrored_maps_are_maps(embeddings):
    both = with_maps(embeddings, MAPS, replace(MAPS, flip=True))
    assert head_parameters(CONV, both)["map_shape"] == (1, 1, 256)


def test_a_layer_is_asked_of_the_model():
    inner = replace(MAPS, layer="conv_pw_1_relu")
    assert find_map_shape(inner, 16 * 16 * 16) == (16, 16, 16)
    assert find_map_shape(replace(inner, pooling="max"), 16) is None


def test_a_run_of_conv_says_what_it_was(embeddings, tmp_path):
    head = HeadSettings(
        name="conv", hidden="4,bn", folds=2, parameters={"epochs": 1, "filters": 2}
    )
    run = fit_run(
        with_maps(embeddings),
        Recipe(
            data=DataSettings(path=embeddings.images.root),
            extract=[ExtractSettings(backbone="mobilenet-0.25", pooling="none")],
            head=[head],
            report=ReportSettings(out_dir=tmp_path / "reports"),
        ),
    )
    assert run.info["settings"]["head_parameters"]["map_shape"] == [1, 1, 256]
    text = (run.path / "recipe.toml").read_text("utf-8")
    assert 'pooling = "none"' in text
    assert 'hidden = "4,bn"' in text
