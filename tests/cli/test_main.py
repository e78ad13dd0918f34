"""The commands together, and what all of them share."""

import json
import subprocess
import sys

import pytest

from featx.cli.main import main
from featx.heads.table import HEADS
from tests.cli.conftest import WITHOUT_FRAMEWORKS, run_process

BACKBONE = ("--backbone", "mobilenet-0.25", "--image-size", 32, "--weights", "random")


def test_the_three_commands(run, work):
    extracted = run("extract", *BACKBONE)
    assert extracted.exit_code == 0, extracted.stderr
    assert (
        "36 images, 3 classes (class folders in train/, tested on test/)"
        in extracted.stdout
    )
    assert "36 computed" in extracted.stdout
    again = run("extract", *BACKBONE)
    assert "0 computed, 36 in the cache, 0 unreadable" in again.stdout
    fitted = run("fit", "--head", "svm", "--head", "lda")
    assert fitted.exit_code == 0, fitted.stderr
    assert "data: 24 training and 12 test images, 3 classes" in fitted.stdout
    assert "(random weights)" in fitted.stdout
    assert "Best by cross-validation" in fitted.stdout
    assert "note: the backbone's weights are random" in fitted.stderr
    assert "fitted before" in run("fit", "--head", "svm").stderr
    reported = run("report")
    assert reported.exit_code == 0, reported.stderr
    assert reported.stdout.endswith("reports/index.html\n")
    for name in ("svm", "lda"):
        folder = work / "reports" / f"data-mobilenet-0.25-random-{name}"
        assert {"run.json", "metrics.json", "predictions.csv", "head.safetensors"} <= {
            path.name for path in folder.iterdir()
        }
        assert (folder / "index.html").is_file()
        assert (folder / "confusion_counts.png").is_file()


def test_lines_fit_a_terminal_of_80_columns(run, work, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = run("extract", *BACKBONE).stdout.splitlines()
    lines += run("fit", "--head", "lda").stdout.splitlines()
    lines += run("report").stdout.splitlines()
    lines += run("backbones").stdout.splitlines() + run("heads").stdout.splitlines()
    for command in ("", *main.commands):
        words = [command] if command else []
        lines += run(*words, "--help").stdout.splitlines()
    assert [line for line in lines if len(line) > 80] == []


@pytest.mark.parametrize("words", [(), ("cache",)])
def test_the_summary_of_each_command_fits_its_line(run, words):
    listed = run(*words, "--help").stdout.partition("Commands:\n")[2]
    assert listed
    assert [line for line in listed.splitlines() if line.endswith("...")] == []


def test_json_is_for_scripts(run, work):
    extracted = json.loads(run("extract", *BACKBONE, "--json").stdout)
    assert extracted["images"] == 36
    assert extracted["embeddings"][0]["computed"] == 36
    assert extracted["embeddings"][0]["spec"]["backbone"] == "mobilenet-0.25"
    (fitted,) = json.loads(run("fit", "--head", "lda", "--json").stdout)
    assert fitted["head"] == "lda"
    assert fitted["intervals"]["accuracy"][0] <= fitted["accuracy"]
    reported = json.loads(run("report", "--json").stdout)
    assert reported["page"] == "reports/index.html"
    rows = json.loads(run("backbones", "--json").stdout)
    assert len(rows) > 40
    assert rows[0]["name"] == "efficientnetlite0"
    assert rows[0]["weights_here"]


@pytest.mark.parametrize(
    ("order", "key", "sign"),
    [
        ("name", "name", 1),
        ("top1", "top1", -1),
        ("size", "parameters", 1),
        ("speed", "multiply_adds", 1),
    ],
)
def test_backbones_in_order(order, key, sign, run):
    rows = json.loads(run("backbones", "--sort", order, "--json").stdout)
    values = [row[key] for row in rows]
    assert values == sorted(values, reverse=sign < 0)
    shown = run("backbones", "--sort", order).stdout
    assert shown.index(rows[0]["name"]) < shown.index(rows[-1]["name"])


def test_heads_are_listed(run):
    assert [row["name"] for row in json.loads(run("heads", "--json").stdout)] == [
        *HEADS
    ]
    listed = run("heads").stdout
    assert "any classifier of scikit-learn" in listed


@pytest.mark.parametrize(
    ("name", "parameter", "default"),
    [("svm", "C", 0.001), ("sklearn.tree.DecisionTreeClassifier", "max_depth", None)],
)
def test_parameters_of_a_head_are_listed(run, name, parameter, default):
    parameters = json.loads(run("heads", name, "--json").stdout)
    assert parameters[parameter] == default
    assert {"class_weight", "random_state"} <= parameters.keys()
    (line,) = (
        line
        for line in run("heads", name).stdout.splitlines()
        if line.startswith(f"{parameter} ")
    )
    assert line.split() == [parameter, str(default)]


def test_help_imports_nothing_heavy():
    script = WITHOUT_FRAMEWORKS.format(words=["--help"]) + (
        "heavy = {'numpy', 'h5py', 'pydantic', 'rich', 'cv2', 'PIL'}\n"
        "assert not heavy & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_python_m_featx_is_the_same(tmp_path):
    done = run_process("--version", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("featx, version ")
    assert run_process("heads", cwd=tmp_path).stdout.count("\n") > 5
