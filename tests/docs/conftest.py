"""The pages of the documentation, and the folder in which their commands run."""

import re
import shutil
from pathlib import Path

import pytest

from featx.embeddings.backbones.table import BACKBONES
from tests.conftest import COLOURS, write_image

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = {
    str(path.relative_to(ROOT)): path
    for path in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts),
    )
}

LIGHT = ("mobilenet-0.25", "mobilenetv2-0.35")
"""Backbones that are built in seconds: what stands in for the first and the second
that a command names."""

LAYERS = dict.fromkeys(("mixed10", "block_16", "block7"), "conv_dw_13")
"""Layers of other backbones, and which of the light one's stands in."""

NAMES = sorted(BACKBONES, key=len, reverse=True)
"""Long names first: some begin others."""


def read_page(name):
    return PAGES[name].read_text(encoding="utf-8")


def blocks(name, kind):
    """Return the fenced blocks of a kind on a page, in their order."""
    return re.findall(
        rf"^```{kind}\n(.*?)^```", read_page(name), re.DOTALL | re.MULTILINE
    )


def lighten_command(words):
    """Return a command with light backbones and random weights."""
    if "--imagenet" in words:
        return words  # no run's: only the backbones that come with a classifier
    stand_ins = {}
    for word in words:
        name = word.partition("@")[0]
        if name in BACKBONES and name not in stand_ins:
            stand_ins[name] = LIGHT[len(stand_ins)]
    words = [_lighten_word(word, stand_ins) for word in words]
    if words[0] == "rank" and "--backbone" not in words:
        # It doesn't take that of featx.toml, but all whose weights are here.
        words += ["--backbone", f"{LIGHT[0]}@64"]
    return [*words, "--weights", "random"] if "--backbone" in words else words


def _lighten_word(word, stand_ins):
    name, at, size = word.partition("@")
    if name in stand_ins:
        return f"{stand_ins[name]}{at}{size}"
    return LAYERS.get(word, _lighten_run(word))


def _lighten_run(word):
    """Return a run's name as it is with the light backbone."""
    for name in NAMES:
        if f"-{name}-" in word:
            return word.replace(f"-{name}-", f"-{LIGHT[0]}-random-")
    return word


def lighten_code(code):
    """Return Python code with light backbones and random weights."""
    name = f'"({"|".join(map(re.escape, NAMES))})"'
    extractor = f'featx.find_extractor("{LIGHT[0]}", weights="random")'
    code = re.sub(rf"(embed\(\w+, ){name}", rf"\1{extractor}", code)
    settings = f'featx.ExtractSettings(backbone="{LIGHT[0]}", weights="random")'
    code = re.sub(r"(rank\(\w+, )\[[^]]*\]", rf"\1[{settings}]", code)
    code = re.sub(
        rf"Embedder\({name}", f'Embedder("{LIGHT[0]}", weights="random"', code
    )
    return re.sub(r'"(reports/[^"]+)"', lambda m: f'"{_lighten_run(m[1])}"', code)


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    """A folder with the data that the pages speak of, drawn small."""
    root = tmp_path_factory.mktemp("project")
    animals = dict(zip(("cats", "dogs"), COLOURS.values(), strict=False))
    for tree, seed in ((root / "data" / "train", 0), (root / "data" / "test", 100)):
        _draw(tree, animals, 6, seed=seed)
    names = _draw(root / "photos", animals, 8, seed=200)
    _write_labels(root / "photos" / "labels.csv", names)
    _write_labels(root / "photos" / "half-1.csv", names[::2])
    _write_labels(root / "photos" / "half-2.csv", names[1::2])
    shutil.make_archive(str(root / "photos"), "zip", root, "photos")
    (root / "train.txt").write_text("\n".join(names[::2]))
    (root / "test.txt").write_text("\n".join(names[1::2]))
    _draw_breeds(root / "data" / "dog-breeds")
    birds = {
        f"00{i}.{name}": colour for i, (name, colour) in enumerate(COLOURS.items())
    }
    names = _draw(root / "data" / "birds" / "images", birds, 6, seed=300)
    (root / "data" / "birds" / "train.txt").write_text("\n".join(names[::2]))
    (root / "data" / "birds" / "test.txt").write_text("\n".join(names[1::2]))
    return root


@pytest.fixture
def project(drawn, tmp_path, monkeypatch):
    """A copy of that folder, to work in."""
    shutil.copytree(drawn, tmp_path, dirs_exist_ok=True)
    # What stands in for the default backbone, and for fine-tuning in four trainings.
    (tmp_path / "featx.toml").write_text(
        f'[extract]\nbackbone = "{LIGHT[0]}"\nweights = "random"\n'
        "[finetune]\nepochs = 2\nvalidation = 0.25\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _draw(root, classes, count, *, seed):
    """Draw images in class folders; return their names, `class/file`."""
    names = []
    for i, (name, colour) in enumerate(classes.items()):
        for j in range(count):
            path = root / name / f"{j}.png"
            write_image(path, colour, size=(30, 30), seed=seed + 10 * i + j)
            names.append(f"{name}/{path.name}")
    return names


def _write_labels(path, names):
    rows = [f"{name},{name.split('/')[0]}" for name in names]
    path.write_text("\n".join(["file,label", *rows]))


def _draw_breeds(root):
    """Draw Kaggle's layout: unsorted images, labels and a sample submission."""
    rows, breeds = [], list(COLOURS)
    for i in range(24):
        breed = breeds[i % 3]
        write_image(root / "train" / f"{i:02}.jpg", COLOURS[breed], seed=400 + i)
        rows.append(f"{i:02},{breed}")
    (root / "labels.csv").write_text("\n".join(["id,breed", *rows]))
    sample = [",".join(["id", *breeds])]
    for i in range(4):
        write_image(root / "test" / f"t{i}.jpg", COLOURS[breeds[i % 3]], seed=500 + i)
        sample.append(f"t{i},0.3,0.3,0.4")
    (root / "sample_submission.csv").write_text("\n".join(sample))
