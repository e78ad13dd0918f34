"""The code in other languages of an exported model's page, run as it is written."""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from featx.export.export import export
from featx.export.snippets import other_languages
from tests.cli.conftest import in_folder
from tests.conftest import make_colours

# The first blocks of a backbone: what asks a file doesn't know how deep it is.
TWO_SIZES = (
    *("--backbone", "mobilenet-0.25", "--image-size", 32, "--image-size", 48),
    *("--weights", "random", "--precision", "float32", "--layer", "conv_pw_2_relu"),
)

WITHOUT_FEATX = 'import sys\nsys.modules["featx"] = None  # whoever imports it fails\n'

NODE_MODULES = ("onnxruntime-node", "sharp")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A run of a head on two sizes."""
    folder = tmp_path_factory.mktemp("fitted")
    make_colours(folder / "data", size=(40, 40))
    in_folder(folder, "fit", "--head", "lda", *TWO_SIZES)
    (run,) = (folder / "reports").glob("data-*")
    return run


def export_in(run, **settings):
    """Export a run anew; return the folder."""
    shutil.rmtree(run / "export", ignore_errors=True)
    export(run, cache_dir=run.parent.parent / "cache", **settings)
    return run / "export"


def expected_of(run):
    """Return paths of test images and their probabilities from `predictions.csv`."""
    lines = (run / "predictions.csv").read_text().splitlines()
    rows = [line.split(",") for line in lines[1:]]
    data = run.parent.parent / "data"
    return [data / row[0] for row in rows], np.array([row[4:] for row in rows], float)


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


class Asked:
    """A file that is asked in another language, as `README.md` says it."""

    def __init__(self, folder, title):
        self.folder = folder
        self.environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        page = (folder / "README.md").read_text("utf-8")
        python, others = page.split("\n## Other languages\n")
        (section,) = (
            one for one in others.split("\n### ") if one.startswith(f"{title}\n")
        )
        file = title.partition("`")[2].rstrip("`")
        part = next(one for one in python.split("\n## ") if f"### `{file}`" in one)
        saving = blocks(others.partition("\n### ")[0], "python")
        self.reading = "\n".join([blocks(part, "python")[0], *saving])
        (source,) = re.findall(r"Saved as `(.+)`:", section)
        (code,) = blocks(section, "(?:js|cpp)")
        (folder / source).write_text(code)
        (commands,) = blocks(section, "sh")
        lines = commands.splitlines()
        *building, self.asking = (
            line for line in lines if not line.startswith("npm install")
        )
        self.run(["sh", "-e", "-c", "\n".join(building)])

    def run(self, program):
        done = subprocess.run(
            program,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def answer(self, photo):
        """Return the probabilities of a photo; the classes are those of the run."""
        shutil.copyfile(photo, self.folder / "photo.jpg")
        self.run([sys.executable, "-P", "-c", WITHOUT_FEATX + self.reading])
        lines = self.run(["sh", "-c", self.asking]).splitlines()
        names, values = zip(*(line.rsplit(" ", 1) for line in lines), strict=True)
        assert names == ("blue", "green", "red")
        return np.array(values, float)


def check_answers(asked, run, suffix):
    paths, expected = expected_of(run)
    atol = 1e-3 if suffix else 2e-5  # pixels of resized photos may differ by one
    assert np.ptp(expected, axis=0).min() > 0.1  # they tell the images apart
    np.testing.assert_allclose(asked.answer(paths[0]), expected[0], atol=atol)


@pytest.fixture(scope="module")
def onnx():
    """Skip where ONNX files can't be written."""
    for name in ("tf2onnx", "onnx", "onnxruntime"):
        if find_spec(name) is None:
            pytest.skip(f"not installed: {name}")


@pytest.fixture
def node(onnx):
    """Find the packages that the JavaScript needs; return their folder."""
    if shutil.which("node") is None:
        pytest.skip("not installed: node")
    for name in NODE_MODULES:
        asking = ["node", "-p", f"require.resolve('{name}')"]
        found = subprocess.run(asking, capture_output=True, text=True, check=False)
        if found.returncode:
            pytest.skip(f"not installed: {name} in a folder that NODE_PATH names")
    place = Path(found.stdout.strip())
    return next(one for one in place.parents if one.name == "node_modules")


@pytest.fixture
def compiler():
    if shutil.which("g++") is None:
        pytest.skip("not installed: g++")


MODELS = pytest.mark.parametrize(
    ("settings", "suffix"),
    [({}, ""), ({"with_resize": True, "batch_size": 3}, "-any-size")],
    ids=["squares", "photos"],
)


@pytest.mark.slow
@MODELS
def test_javascript_asks_an_onnx_file(fitted, node, settings, suffix):
    folder = export_in(fitted, formats="onnx", **settings)
    (folder / "node_modules").symlink_to(node)
    check_answers(Asked(folder, f"JavaScript: `model{suffix}.onnx`"), fitted, suffix)


@pytest.mark.slow
@MODELS
def test_cpp_asks_an_onnx_file(fitted, onnx, compiler, settings, suffix):
    looking = ["pkg-config", "--exists", "libonnxruntime"]
    found = shutil.which("pkg-config") and subprocess.run(looking, check=False)
    if not found or found.returncode:
        pytest.skip("not installed: libonnxruntime, where pkg-config looks for it")
    folder = export_in(fitted, formats="onnx", **settings)
    check_answers(Asked(folder, f"C++: `model{suffix}.onnx`"), fitted, suffix)


@pytest.mark.slow
@MODELS
def test_cpp_asks_a_saved_model(fitted, compiler, settings, suffix):
    folder = export_in(fitted, formats="savedmodel", **settings)
    check_answers(Asked(folder, f"C++: `savedmodel{suffix}`"), fitted, suffix)


def entry(name, file, side):
    inputs = [{"name": "images" if side else "photos", "image_size": side}]
    return {
        "format": name,
        "file": file,
        "inputs": inputs,
        "batch_size": None,
        "with_resize": side is None,
    }


def test_one_piece_of_code_for_each_language_and_format():
    keras = entry("keras", "model.keras", 32)
    assert other_languages([keras, entry("tflite", "model.tflite", 32)]) == ""
    squares = entry("onnx", "model.onnx", 32)
    photos = entry("onnx", "model-any-size.onnx", None)
    saved = entry("savedmodel", "savedmodel", 32)
    for entries in ([photos, keras, saved, squares], [saved, squares, photos]):
        page = other_languages(entries)
        assert sorted(re.findall("### (.+)", page)) == [
            "C++: `model-any-size.onnx`",
            "C++: `savedmodel`",
            "JavaScript: `model-any-size.onnx`",
        ]
    # JavaScript reads photos itself: no file has to be made for it.
    assert "{name}.ppm" in page
    assert "{name}.png" not in page
    assert "{name}.png" in other_languages([squares])
