"""What `featx` offers in a notebook: short, typed, and as lazy as the command line."""

# ruff: noqa: F811

import subprocess
import sys

import pytest
from matplotlib.figure import Figure

import featx
from tests.made_runs import make_run  # noqa: F401
from tests.runs.conftest import LEARNING_CURVE

ERRORS = [name for name in featx.__all__ if name.endswith("Error")]


def test_dir_shows_the_api_only():
    assert sorted(dir(featx)) == sorted(featx.__all__)


@pytest.mark.parametrize("name", featx.__all__)
def test_every_name_is_there(name):
    assert getattr(featx, name).__doc__


def test_all_errors_are_exported():
    classes = [one for one in vars(featx.errors).values() if isinstance(one, type)]
    assert {one.__name__ for one in classes} == set(ERRORS)
    assert all(issubclass(one, featx.FeatxError) for one in classes)


def test_importing_featx_imports_no_framework():
    script = (
        "import sys, featx; featx.__all__; "
        "print({'numpy', 'tensorflow', 'sklearn', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


def test_reprs_are_short(make_run):
    run = make_run(classes=["cat", "<b>"], name="pets")
    assert repr(run).startswith("Run('")
    assert "svm on mobilenetv2-0.35, accuracy 1.000)" in repr(run)
    assert len(repr(run)) < 300
    html = run._repr_html_()
    assert "<td>Accuracy</td>" in html
    assert "svm on mobilenetv2-0.35" in html


def test_paths_may_be_text(make_run):
    run = make_run()
    assert featx.read_run(str(run.path)) == featx.read_run(run.path)
    assert featx.list_runs(str(run.path.parent)) == featx.list_runs(run.path.parent)


def test_report_returns_what_it_wrote(make_run):
    runs = [make_run(head="svm"), make_run(head="lda")]
    reports = runs[0].path.parent
    rendered = featx.report(out_dir=str(reports))
    assert rendered.page == reports / "index.html"
    assert rendered.pages == [reports / f"{r.name}/index.html" for r in rendered.runs]
    assert all(page.is_file() for page in [rendered.page, *rendered.pages])
    named = featx.report([runs[1].name], reports)
    assert named.runs == runs[1:]


def test_figures(make_run):
    run = make_run(epochs=3)
    assert isinstance(featx.plots.confusion_matrix(run, normalised=True), Figure)
    assert isinstance(featx.plots.per_class(run), Figure)
    assert isinstance(featx.plots.reliability(run), Figure)
    assert isinstance(featx.plots.training_curves(run), Figure)
    curve = make_run(extra={"learning_curve": LEARNING_CURVE})
    assert isinstance(featx.plots.learning_curve(curve), Figure)
    assert isinstance(featx.plots.leaderboard([run, make_run(head="lda")]), Figure)


def test_figures_that_cannot_be_drawn(make_run):
    with pytest.raises(featx.RunError, match="svm isn't trained by epochs"):
        featx.plots.training_curves(make_run())
    with pytest.raises(featx.RunError, match="fit it with --learning-curve"):
        featx.plots.learning_curve(make_run())
    with pytest.raises(featx.RunError, match="there was no pre-training"):
        featx.plots.pretraining_curve(make_run())
    with pytest.raises(featx.RunError, match=r"one data set and split .* got none"):
        featx.plots.leaderboard([])
    others = [make_run(name="pets"), make_run(name="birds", fingerprint="other")]
    with pytest.raises(featx.RunError, match="got birds, pets"):
        featx.plots.leaderboard(others)


def test_frames(make_run):
    run = make_run(3)
    scores = run.metrics_frame()
    assert scores.loc["accuracy", "value"] == run.metrics.accuracy
    assert list(scores.loc["accuracy", ["low", "high"]]) == list(
        run.metrics.intervals["accuracy"]
    )
    by_class = run.per_class_frame()
    assert list(by_class.index) == run.classes
    assert by_class["support"].sum() == run.metrics.n_test
    predictions = run.predictions_frame()
    assert (predictions["label"] == predictions["predicted"]).mean() == pytest.approx(
        run.metrics.accuracy
    )
    assert list(predictions.columns[4:]) == [f"p_{name}" for name in run.classes]


def test_the_frame_of_runs_is_ranked(make_run):
    runs = [
        make_run(head="svm", cv_accuracy=0.5),
        make_run(head="lda", cv_accuracy=0.9),
    ]
    frame = featx.leaderboard_frame(runs)
    assert list(frame["head"]) == ["lda", "svm"]
    assert list(frame["cv_accuracy"]) == [0.9, 0.5]


def test_frames_without_pandas(make_run, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(featx.FeatxError, match="pip install pandas"):
        make_run().metrics_frame()


def test_functions_keep_their_names_beside_packages():
    script = (
        "import featx, featx.predict.predictions, featx.export.formats\n"
        "print(*(callable(getattr(featx, name)) for name in ('predict', 'export')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "True True\n"
