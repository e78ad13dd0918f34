"""What a run's page says of its prediction sets."""

from dataclasses import replace

import numpy as np
import pytest

from featx.evaluation.cross_validation import FoldScores
from featx.reports.run import prediction_sets
from featx.reports.run.page import render_run
from featx.reports.run.section import RunPage
from featx.runs.cv_predictions import CvPredictions
from featx.runs.run import Run
from tests.reports.pages import Page, section_words


def held_out(run, *, sharp=2.0, n=None):
    """Return predictions for training images like the run's test images."""
    classes, rng = len(run.classes), np.random.default_rng(1)
    n = run.metrics.n_train if n is None else n
    labels = np.arange(n) % classes
    logits = rng.normal(size=(n, classes))
    logits[np.arange(n), labels] += sharp
    odds = np.exp(logits)
    probabilities = (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)
    return CvPredictions(
        paths=tuple(f"{i}.png" for i in range(n)),
        groups=np.arange(n),
        labels=labels,
        fold=np.arange(n) % 5,
        probabilities=probabilities,
        predicted=probabilities.argmax(axis=1)[None],
        by_fold=FoldScores(np.ones((1, 5)), np.ones((1, 5)), np.ones((1, 5))),
    )


@pytest.fixture
def validated(monkeypatch):
    """Return a function that gives a run's class held-out predictions."""

    def validate(run, **options):
        found = held_out(run, **options)
        monkeypatch.setattr(Run, "cv_predictions", lambda _: found)
        return run

    return validate


def test_the_table_agrees_with_the_predictions(make_run, validated):
    run = validated(make_run(8, per_class=40))
    content = prediction_sets._content(RunPage(run))
    assert [row["asked"] for row in content["rows"]] == ["90%", "95%"]
    found = run.predictions()
    truth = [run.classes.index(name) for name in found.labels]
    for row, coverage in zip(content["rows"], (0.9, 0.95), strict=True):
        members = run.set_rule(coverage).members(found.probabilities)
        hits = members[np.arange(len(truth)), truth]
        assert row["reached"] == f"{100 * hits.mean():.1f}%"
        assert row["size"] == members.sum(axis=1).mean()
        assert row["shares"][0] == f"{100 * (members.sum(axis=1) == 1).mean():.1f}%"
        total = sum(float(share.rstrip("%")) for share in row["shares"])
        assert total == pytest.approx(100, abs=0.5)
        assert row["words"] == ""
    assert content["labels"][-1] == "6 to 10"
    support = [one["support"] for one in content["worst"]]
    assert support == [40] * len(support)
    assert len(support) > 0
    worst = [one["hits"] for one in content["worst"]]
    assert worst == sorted(worst)


def test_what_is_remarkable_is_said(make_run, validated):
    run = make_run(6, per_class=40)
    less = section_words(prediction_sets.SECTION, validated(run, sharp=6.0))
    assert "Sets for 90% contain the true class less often than they should" in less
    more = section_words(prediction_sets.SECTION, validated(run, sharp=0.5))
    assert "Sets for 90% contain the true class more often than they must" in more
    few = section_words(prediction_sets.SECTION, validated(run, n=15))
    assert "For 95% every set has all classes" in few
    assert "of 15 held-out images" in few
    assert "For 90% every set" not in few


def test_a_run_without_held_out_predictions_has_no_such_section(
    plain_figures, make_run
):
    assert "Prediction sets" not in Page(render_run(make_run())).source


def test_classes_without_test_images_are_not_the_worst(make_run, validated):
    run = validated(make_run(4, per_class=10))
    page = RunPage(run)
    few = replace(
        page.predictions, labels=tuple([run.classes[0]] * len(page.predictions.labels))
    )
    page.__dict__["predictions"] = few
    names = [one["name"] for one in prediction_sets._content(page)["worst"]]
    assert names == [run.classes[0]]
