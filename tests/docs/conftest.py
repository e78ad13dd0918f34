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

LIGHT = "mobilenet-0.25"
SMALL = ("mobilenet-0.25", "mobilenetv2-0.35")
"""Backbones that are built fast enough to run as they are written."""

LAYERS = {"mixed10": "conv_dw_13"}
"""Layers of heavy backbones, and which of the light one's stands in."""


def read_page(name):
    return PAGES[name].read_text(encoding="utf-8")


def blocks(name, kind):
    """Return the fenced blocks of a kind on a page, in their order."""
    return re.findall(
        rf"^```{kind}\n(.*?)^```", read_page(name), re.DOTALL | re.MULTILINE
    )


def _stand_in(name):
    return name if name in SMALL else LIGHT


def lighten_word(word):
    """Return a word of a command line with light backbones and random weights."""
    name, at, size = word.partition("@")
    if name in BACKBONES:
        return f"{_stand_in(name)}{at}{size}"
    for name in sorted(BACKBONES, key=len, reverse=True):
        if f"-{name}-" in word:  # a run's name
            return word.replace(f"-{name}-", f"-{_stand_in(name)}-random-")
    return LAYERS.get(word, word)


def lighten_code(code):
    """Return Python code with light backbones and random weights."""
    names = "|".join(map(re.escape, sorted(BACKBONES, key=len, reverse=True)))

    def find(match):
        name = _stand_in(match[2])
        return f'{match[1]}featx.find_extractor("{name}", weights="random")'

    code = re.sub(rf'(embed\(\w+, )"({names})"', find, code)
    code = re.sub(
        rf'Embedder\("({names})"',
        lambda match: f'Embedder("{_stand_in(match[1])}", weights="random"',
        code,
    )
    return re.sub(r'"(reports/[^"]+)"', lambda m: f'"{lighten_word(m[1])}"', code)


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
