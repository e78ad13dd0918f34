"""Completion in a shell, through click's own interface."""

import json
import os
import subprocess
import sys

import pytest
from click.shell_completion import ShellComplete

from featx.cli.main import main
from featx.embeddings.backbones.table import BACKBONES
from featx.heads.table import HEADS
from featx.networks.table import NETWORKS
from tests.cli.conftest import run_script


def complete(*words, incomplete=""):
    """Return what a shell gets after some words."""
    shell = ShellComplete(main, {}, "featx", "_FEATX_COMPLETE")
    return shell.get_completions(list(words), incomplete)


def values(*words, incomplete=""):
    return [one.value for one in complete(*words, incomplete=incomplete)]


@pytest.fixture
def reports(tmp_path, monkeypatch):
    """A working folder with the folders of two runs."""
    for name in ("data-vgg16-lda", "data-vgg16-svm", "no-run"):
        (tmp_path / "reports" / name).mkdir(parents=True)
    for name in ("data-vgg16-lda", "data-vgg16-svm"):
        (tmp_path / "reports" / name / "run.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "reports"


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("", list(main.commands)),
        ("cache", ["list", "verify", "prune", "export"]),
        ("extract --backbone", list(BACKBONES)),
        ("fit --backbone", list(BACKBONES)),
        ("predict --imagenet", list(BACKBONES)),
        ("fit --head", [*HEADS, "all", "quick"]),
        ("train --network", list(NETWORKS)),
        ("finetune --augment", ["none", "light", "medium", "strong", "coursework"]),
        ("finetune --optimizer", ["adam", "adamw", "rmsprop", "sgd"]),
        ("extract --weights", ["imagenet", "random"]),
    ],
)
def test_names_are_completed(words, wanted):
    assert values(*words.split()) == wanted


def test_classifiers_of_scikit_learn_are_completed_once_they_are_begun():
    assert "sklearn.svm.SVC" in values("fit", "--head", incomplete="sk")
    assert values("heads", incomplete="sklearn.svm.S") == ["sklearn.svm.SVC"]
    assert values("fit", "--head", incomplete="xgb") == []


def test_names_are_completed_in_any_case():
    assert values("extract", "--backbone", incomplete="ResNet50") == [
        "resnet50",
        "resnet50v2",
    ]


def test_options_are_completed():
    assert values("fit", incomplete="--fo") == ["--folds"]


def test_nothing_is_written_or_silenced(reports):
    assert values("fit", "--log-file", "log.txt", "-q", "-v", incomplete="--fo")
    assert not (reports.parent / "log.txt").exists()


def test_runs_are_completed(reports):
    both = ["data-vgg16-lda", "data-vgg16-svm"]
    for command in ("finetune", "export", "report", "predict"):
        assert values(command) == both
    assert values("export", incomplete="data-vgg16-s") == both[1:]
    assert values("report", both[0], incomplete="data") == both


@pytest.mark.parametrize(
    "name", ["$(rm x)", "`rm x`", "a b", "a;rm", "-x", "a\nfile,b", "~root", "\x1b[31m"]
)
def test_names_that_a_shell_would_read_are_not_completed(name, reports):
    (reports / name).mkdir()
    (reports / name / "run.json").write_text("{}")
    assert values("predict") == ["data-vgg16-lda", "data-vgg16-svm"]


def test_names_of_any_language_are_completed(reports):
    (reports / "öl_写真-vgg16@96+resnet50-lda").mkdir()
    (reports / "öl_写真-vgg16@96+resnet50-lda" / "run.json").write_text("{}")
    assert values("predict", incomplete="ö") == ["öl_写真-vgg16@96+resnet50-lda"]


def test_runs_stand_where_the_option_or_featx_toml_says(reports, monkeypatch):
    reports.rename(reports.parent / "results")
    assert [one.type for one in complete("export")] == ["file"]
    assert len(values("export", "--out-dir", "results")) == 2
    (reports.parent / "featx.toml").write_text('report.out_dir = "results"')
    assert len(values("export")) == 2
    (reports.parent / "featx.toml").write_text("report = 1")
    assert [one.type for one in complete("export")] == ["file"]


def test_blocks_of_the_run_are_completed(reports):
    words = ("none", "all", "20%")
    assert values("finetune", "data-vgg16-lda", "--unfreeze") == [*words]
    specs = [{"backbone": "vgg16"}, {"backbone": "mobilenetv2-0.35"}]
    info = json.dumps({"embedding": specs})
    (reports / "data-vgg16-lda" / "run.json").write_text(info)
    for run in ("data-vgg16-lda", "reports/data-vgg16-lda"):
        found = values("finetune", run, "--unfreeze", incomplete="block")
        assert found[:6] == [*(f"block{i}" for i in range(1, 6)), "block_1"]
    assert values("finetune", "--unfreeze") == [*words]
    assert values("finetune", "no-run", "--unfreeze") == [*words]


def test_layers_of_the_backbone_are_completed(reports):
    last = "block7a_project_bn"
    assert values("extract", "--layer")[-1] == last
    assert values("fit", "--layer", incomplete="block7") == [last]
    words = ("extract", "--backbone", "VGG16@64:crop", "--backbone", "nasnetlarge")
    assert values(*words, "--layer") == [f"block{i}_pool" for i in range(1, 6)]
    toml = reports.parent / "featx.toml"
    toml.write_text('extract.backbone = ["resnet50"]')
    assert values("extract", "--layer", incomplete="conv5") == ["conv5_block3_out"]
    toml.write_text('extract.backbone = "vgg16"')
    assert len(values("extract", "--layer")) == 5
    toml.write_text("extract = 1")
    assert not values("extract", "--layer")
    assert not values("extract", "--backbone", "none", "--layer")


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("extract", "dir"),
        ("extract --weights ./", "file"),
        ("predict data-vgg16-lda", "file"),
        ("predict --imagenet vgg16", "file"),
        ("fit --labels", "file"),
        ("run", "file"),
    ],
)
def test_paths_are_left_to_the_shell(reports, words, kind):
    *words, last = words.split() + ([] if words.endswith("/") else [""])
    assert [one.type for one in complete(*words, incomplete=last)] == [kind]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(shell, tmp_path):
    if shell == "bash" and os.name == "nt":
        pytest.skip("there is no bash on Windows")
    done = subprocess.run(
        [sys.executable, "-c", CALL],
        env={**os.environ, "_FEATX_COMPLETE": f"{shell}_source"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "_FEATX_COMPLETE" in done.stdout


CALL = "import sys; sys.argv[0] = 'featx'; from featx.cli.main import main; main()"


def test_completion_imports_nothing_heavy():
    run_script(
        "import sys\n"
        "from click.shell_completion import ShellComplete\n"
        "from featx.cli.main import main\n"
        "shell = ShellComplete(main, {}, 'featx', '_FEATX_COMPLETE')\n"
        "for words in (['fit', '--head'], ['export'], ['extract', '--backbone']):\n"
        "    assert shell.get_completions(words, '')\n"
        "heavy = {'tensorflow', 'keras', 'sklearn', 'matplotlib', 'h5py', 'rich'}\n"
        "assert not heavy & set(sys.modules)"
    )
