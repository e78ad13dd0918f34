"""What runs differ in is said in the words of the command line."""

import pytest

from featx.embeddings.spec import Spec
from featx.reports.leaderboard.options import options_of_runs
from tests.made_runs import with_info


def spec(**changes):
    given = {"backbone": "resnet50", "image_size": 224, "weights_id": "0", **changes}
    return Spec(**given).as_dict()


@pytest.fixture
def made(make_run):
    run = make_run()

    def made(kind="head", backbone="resnet50", embedding=(), **settings):
        return with_info(
            run,
            kind=kind,
            backbone=backbone,
            settings=settings,
            embedding=list(embedding),
        )

    return made


def test_the_default_needs_no_word(made):
    runs = [
        made(name="svm", folds=5, tune=False, parameters={}, embedding=[spec()]),
        made("finetune", unfreeze="20%"),
        made("network", "cnn", image_size=64, augment=True),
    ]
    options = options_of_runs(runs)
    assert options.own == [[], [], ["from scratch"]]
    assert options.shared == []


def test_options_that_all_runs_have_are_shared(made):
    runs = [
        made(folds=3, tune=True, class_weight="balanced"),
        made(folds=3, parameters={"C": 0.1, "loss": "hinge"}),
    ]
    options = options_of_runs(runs)
    assert options.shared == ["folds 3"]
    assert options.own == [["tune", "class-weight balanced"], ["C 0.1", "loss hinge"]]


def test_options_of_trainings(made):
    runs = [
        made("finetune", cached=False, learning_rate=1e-5),
        made("network", "cnn", image_size=96, augment=False),
    ]
    assert options_of_runs(runs).own == [
        ["learning-rate 1e-05", "no-cached"],
        ["from scratch", "image-size 96", "augment none"],
    ]


def test_options_of_embeddings(made):
    several = [spec(image_size=size) for size in (160, 224)]
    runs = [
        made(embedding=[spec(image_size=160), spec(image_size=160, flip=True)]),
        made(embedding=[spec(weights="random", pooling="max")]),
        # Where a backbone has several sizes, the run's name has them.
        made(backbone="resnet50-160+resnet50-224", embedding=several),
        made(embedding=[{"backbone": "of another version"}]),
    ]
    assert options_of_runs(runs).own == [
        ["160 pixels", "flip"],
        ["max", "random weights"],
        [],
        [],
    ]


def test_copies_that_nobody_asked_for_need_no_word(made):
    def words(**settings):
        return options_of_runs([made(), made("finetune", **settings)]).own[1]

    assert "copies 4" not in words(augment="light", copies=4)
    assert "copies 2" in words(augment="light", copies=2)
    assert "copies 0" in words(augment="light", copies=0)
    for fresh in ({"unfreeze": "all"}, {"cached": False}, {"augment": "mixup"}):
        assert "copies 0" not in words(**{"augment": "light", **fresh}, copies=0)
    # Of another version, whose usual number isn't known.
    assert "copies 4" in words(augment="sepia", copies=4)
