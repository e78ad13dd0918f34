"""The table of runs in a terminal."""

from pathlib import Path

import pytest

from featx.cli.show import show_best, show_leaderboard, show_table
from featx.evaluation.metrics import Metric
from featx.runs.info import RunInfo
from featx.runs.metrics import Metrics
from featx.runs.run import Run
from tests.runs.answers import hits, write_answered


def made(head, cv_accuracy, *, kind="head", val_accuracy=None, n_val=20, **info):
    scores = {"precision": 0.6, "recall": 0.6, "f1": 0.6, "support": 10}
    return Run(
        Path(f"pets-resnet50-{head}"),
        RunInfo(
            kind=kind,
            data={"name": "pets", "fingerprint": "f0"},
            backbone=info.pop("backbone", "resnet50"),
            weights="imagenet",
            head=head,
            timings={"fit": 1.0},
            **info,
        ),
        Metrics(
            cv_accuracy=cv_accuracy,
            val_accuracy=val_accuracy,
            accuracy=0.7,
            f1_macro=0.6,
            log_loss=0.9,
            intervals={"accuracy": [0.65, 0.75]},
            confusion_matrix=[[7, 3], [3, 7]],
            per_class={"cat": scores, "dog": scores},
            n_train=80,
            n_val=n_val if val_accuracy else 0,
            n_test=20,
            classes=["cat", "dog"],
        ),
    )


@pytest.fixture
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def test_fine_tuned_runs_are_named_and_their_score_is_in_brackets(narrow, capsys):
    tuned = made("lda", None, kind="finetune", val_accuracy=0.81)
    show_leaderboard([tuned, made("svm", 0.75)])
    lines = capsys.readouterr().out.splitlines()
    assert "(in brackets: not cross-validated, but on 20 images held out)" in lines
    whole = made("mlp", None, kind="finetune", val_accuracy=0.8, n_val=80)
    show_leaderboard([tuned, whole])
    assert "but on 20 to 80 images held out)" in capsys.readouterr().out
    words = " ".join(" ".join(lines).split())
    assert words.index("pets-resnet50-svm 0.750 – 0.700") < words.index(
        "pets-resnet50-lda (0.810) – 0.700"
    )
    assert "(in brackets: not cross-validated" in words
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(("other", "tie"), [(0.75, True), (0.7, False)])
def test_a_tie_is_said(capsys, other, tie):
    show_best([made("svm", 0.75), made("lda", other)])
    how = ", by log loss among 2 of equal accuracy" if tie else ""
    assert f"Best by cross-validation{how}: " in capsys.readouterr().out


@pytest.mark.parametrize("cv_accuracy", [0.75, None])
def test_without_brackets_nothing_explains_them(narrow, capsys, cv_accuracy):
    show_leaderboard([made("svm", cv_accuracy)])
    assert "brackets" not in capsys.readouterr().out


def test_a_wide_terminal_shows_all_listed_metrics(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    show_leaderboard([made("svm", 0.75)])
    assert "macro F1" in capsys.readouterr().out


def test_a_listed_metric_needs_no_brief_label(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    recall = Metric("recall_macro", "Recall", "Mean over classes.", listed=True)
    monkeypatch.setattr("featx.evaluation.metrics.METRICS", (recall,))
    show_leaderboard([made("svm", 0.75)])
    assert "recall" in capsys.readouterr().out


def test_runs_cross_validated_alike_stand_under_a_line_that_says_how(
    capsys, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "72")
    ways = [{"seed": 3}, {"seed": 0}, {"folds": 4}]
    several = {"backbone": "mobilenetv2-0.35"}
    runs = [made("lda", 0.8 - 0.1 * i, settings=way) for i, way in enumerate(ways)]
    runs += [made("svm", 0.7, settings=ways[0], **several)]
    runs += [made("logreg", None, kind="finetune", val_accuracy=0.8, **several)]
    show_leaderboard(runs)
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    heads = [
        line for line in lines if line.endswith(("folds:", ", seed 3:", "seed 0:"))
    ]
    assert heads == ["5 folds, seed 3:", "5 folds, seed 0:", "4 folds:"]
    assert "not cross-validated:" in lines
    assert max(map(len, lines)) <= 72


def test_runs_all_cross_validated_alike_stand_under_no_line(narrow, capsys):
    show_leaderboard([made("svm", 0.75), made("lda", 0.7)])
    shown = capsys.readouterr().out
    assert "folds" not in shown
    assert "ranked apart" not in shown


def test_a_column_shows_the_options_in_which_runs_differ(narrow, capsys):
    tuned = {"tune": True, "folds": 3}
    runs = [made("svm", 0.75, settings=tuned), made("lda", 0.7, settings={"folds": 3})]
    show_leaderboard(runs)
    title, shared, header, _, svm, lda, *_ = capsys.readouterr().out.splitlines()
    assert title.startswith("pets: 80 training and 20 test images, 2 classes")
    assert shared.strip() == "resnet50, folds 3"
    assert header.split()[:4] == ["run", "options", "cv", "acc"]
    assert svm.startswith("pets-resnet50-svm  tune ")
    assert lda.split()[:2] == ["pets-resnet50-lda", "0.700"]


ROW = [
    "a-name-of-thirty-characters-xy",
    "some words that may be broken",
    "0.12345",
    "9",
]


def lines_of_table(capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    show_table(
        "", ["run", "words", "x", "y"], [ROW], left=2, whole=1, drop=["y", "words"]
    )
    return capsys.readouterr().out.splitlines()


def test_a_pipe_gets_the_whole_table(capsys, monkeypatch):
    header, _, row, _ = lines_of_table(capsys, monkeypatch, "")
    assert header.split() == ["run", "words", "x", "y"]
    assert row.split() == " ".join(ROW).split()


@pytest.mark.parametrize(
    ("columns", "kept"),
    [
        ("75", ["run", "words", "x", "y"]),
        ("60", ["run", "words", "x", "y"]),
        ("57", ["run", "words", "x"]),
        ("54", ["run", "x"]),
        ("39", ["run", "x"]),
        ("38", ["run", "words", "x", "y"]),
        ("30", ["run", "words", "x"]),
        ("10", ["run", "x"]),
    ],
)
def test_narrow_terminals_get_fewer_columns_but_all_digits(
    capsys, monkeypatch, columns, kept
):
    header, _, *rows, _ = lines_of_table(capsys, monkeypatch, columns)
    assert header.split() == kept
    assert "0.12345" in " ".join(rows).split()
    shown = "".join(row.split()[0] for row in rows if row[0] != " ")
    assert ROW[0] in shown
    if int(columns) >= 30:
        assert max(map(len, [header, *rows])) <= int(columns)


def test_a_name_wider_than_the_terminal_is_not_broken(narrow, capsys):
    several = {"backbone": "+".join(["efficientnetlite0"] * 4)}
    runs = [
        made(f"{several['backbone']}-{head}", 0.7, settings=way, **several)
        for head, way in (("lda", {"seed": 3}), ("svm", {"folds": 4}))
    ]
    show_leaderboard(runs)
    lines = capsys.readouterr().out.splitlines()
    for run in runs:
        scores = lines[lines.index(run.name) + 1]
        assert scores.startswith("     ")
        assert " 0.700       –     0.700  0.650–0.750" in scores
    header = next(line for line in lines if line.startswith("run "))
    assert header.index("cv acc") + 6 == scores.index("0.700") + 5
    assert "4 folds:" in lines


def test_words_below_a_name_get_the_room_that_is_left(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    path = "photos/" + "a" * 60 + ".jpg"
    words = "one 0.900, another 0.060, a third 0.040"
    show_table("", ["image", "classes"], [[path, words]], left=2, whole=1)
    assert path in capsys.readouterr().out.splitlines()
    show_table("", ["image", "classes"], [[path, words]], left=2, whole=1)
    assert f"       {words}" in capsys.readouterr().out.splitlines()


def test_a_table_may_have_no_rows(capsys):
    show_table("none", ["run", "x"], [])
    assert "run" in capsys.readouterr().out


@pytest.mark.parametrize("columns", ["80", "160"])
def test_ties_with_the_best_are_marked(tmp_path, capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    runs = [
        write_answered(tmp_path, f"pets-resnet50-{name}", hits(200, range(wrong)))
        for name, wrong in (("svm", 10), ("lda", 14), ("mlp", 90))
    ]
    show_leaderboard(runs)
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= int(columns)
    words = " ".join(shown.split())
    assert "pets-resnet50-svm = 0.950" in words
    assert "pets-resnet50-lda = 0.930" in words
    assert "pets-resnet50-mlp 0.550" in words
    assert "= 2 of 3 runs are as good as the best" in words
    assert "It owes little to luck" in words
    show_leaderboard([runs[0], runs[2]])
    words = " ".join(capsys.readouterr().out.split())
    assert "pets-resnet50-svm 0.950" in words
    assert "The other run is less accurate than pets-resnet50-svm" in words
