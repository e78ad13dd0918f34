"""`featx export` on the command line."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import import_module as find_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from featx.cli.export import FORMATS
from featx.errors import HeadError
from featx.export import check as model_check
from featx.export import formats as model_formats
from featx.export import readme
from featx.export.formats import MODEL_FORMATS
from featx.export.settings import ExportSettings
from featx.frameworks import ignoring, import_keras, import_tensorflow
from featx.hardware import has_bfloat16
from featx.heads.gboost import GradientBoostingHead
from featx.images.decoding import decode, decode_full
from featx.locks import FolderLock
from tests.cli.conftest import in_folder
from tests.conftest import make_colours, mounted_disk

# The first blocks: a model of all thirteen is converted four times as slowly, in the
# same way. `test_onnx_of_what_keras_builds_otherwise` has other kinds of layers.
BACKBONE = (
    *("--backbone", "mobilenet-0.25", "--image-size", 32, "--weights", "random"),
    *("--layer", "conv_pw_2_relu"),
)
TWO_SIZES = (*BACKBONE, "--image-size", 48, "--flip", "--precision", "float32")
LDA = "data-mobilenet-0.25-random-lda"
NETWORK = "data-basenet"
OTHER_FORMATS = [name for name in FORMATS if name not in ("keras", "onnx")]

WITHOUT_FEATX = """
import sys
sys.modules["featx"] = None  # whoever imports it fails
"""


# Each file's code has names of its own: it leans on no other's.
ASKING = """
import json
for number, code in enumerate(json.loads(sys.stdin.read())):
    exec(code + f'\\nnp.save("answer-{number}.npy", probabilities)', {})
"""


def ask(folder, file, photo):
    """Ask an exported model as README.md says, in a process that has no featx."""
    (answer,) = ask_all(folder, [file], photo)
    return answer


def ask_all(folder, files, photo):
    """Ask several, one after the other in a process: TensorFlow starts once."""
    page = (folder / "README.md").read_text("utf-8")
    (folder / "photo.jpg").write_bytes(Path(photo).read_bytes())
    codes = json.dumps([code_of(page, file) for file in files])
    program = [sys.executable, "-P", "-W", "ignore", "-c", WITHOUT_FEATX + ASKING]
    clean = {"PATH": "", "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        program,
        cwd=folder,
        env=clean,
        input=codes,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (folder / "photo.jpg").unlink()
    saved = [folder / f"answer-{number}.npy" for number in range(len(files))]
    answers = [np.load(file) for file in saved]
    for file, answer in zip(saved, answers, strict=True):
        file.unlink()
        assert str(answer.max()) in done.stdout
    return answers


def code_of(page, file):
    """Return the code on a page that reads a photo and asks a file."""
    section = next(one for one in page.split("\n## ")[1:] if f"### `{file}`" in one)
    reading, *_ = read_code(section)
    (asking,) = read_code(section.partition(f"### `{file}`")[2].partition("\n###")[0])
    return f"{reading}\n{asking}"


def read_code(text):
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A folder with a run of a head on two sizes, mirrored too."""
    folder = tmp_path_factory.mktemp("fitted")
    make_colours(folder / "data", size=(40, 40))
    in_folder(folder, "fit", "--head", "lda", *TWO_SIZES)
    (run,) = (folder / "reports").glob("data-*")
    run.rename(run.with_name(LDA))
    return folder


@pytest.fixture
def head(fitted, monkeypatch):
    """The run's folder, without an export; the work is where it is."""
    monkeypatch.chdir(fitted)
    path = Path("reports") / LDA
    shutil.rmtree(path / "export", ignore_errors=True)
    return path


def written_of(path):
    """Return paths and probabilities of `predictions.csv`."""
    lines = (path / "predictions.csv").read_text().splitlines()
    rows = [line.split(",") for line in lines[1:]]
    return [row[0] for row in rows], np.array([row[4:] for row in rows], float)


@pytest.mark.slow
def test_a_full_disk_is_named_and_what_is_there_is_kept(run, network, tmp_path):
    size = sum(file.stat().st_size for file in network.iterdir())
    with mounted_disk(tmp_path / "disk", size + 100_000) as disk:
        copy = shutil.copytree(network, disk / NETWORK)
        for name in ("savedmodel", "tflite", "keras"):
            done = run("export", copy, "--format", name)
            assert done.exit_code == 1
            said = done.stderr.splitlines()[-1]
            assert f"{copy}/export: can't write the model (No space left on" in said
        assert {p.name for p in (copy / "export").iterdir()} == {".lock", "classes.txt"}


def test_the_choices_are_the_formats():
    assert tuple(MODEL_FORMATS) == FORMATS


@pytest.mark.slow
def test_a_head_becomes_a_model_for_plain_keras(run, head):
    # What it answers is asked below, with the other formats.
    done = run("export", LDA)
    assert done.exit_code == 0, done.stderr
    assert "model.keras" in done.stdout
    assert "compared with predictions.csv, on 12 test images" in done.stdout
    folder = head / "export"
    names = {".lock", "README.md", "classes.txt", "export.json", "model.keras"}
    assert {path.name for path in folder.iterdir()} == names
    assert (folder / "classes.txt").read_text() == "blue\ngreen\nred\n"
    facts = json.loads((folder / "export.json").read_text())
    assert [one["name"] for one in facts["inputs"]] == ["images_32", "images_48"]
    assert facts["formats"]["keras"]["check"]["largest_difference"] < 1e-4


@pytest.mark.slow
def test_a_head_becomes_a_model_of_each_format(run, head):
    names = [name for name in FORMATS if not lacking(name)]
    words = [word for name in names for word in ("--format", name)]
    done = run("export", LDA, *words, "--json")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert [one["format"] for one in found] == names
    for one in found:
        assert one["check"]["largest_difference"] < 1e-4
        assert one["check"]["other_classes"] == 0
        assert one["bytes"] > 10_000
    facts = json.loads((head / "export" / "export.json").read_text())
    assert list(facts["formats"]) == names
    paths, expected = written_of(head)
    assert np.ptp(expected, axis=0).min() > 0.1  # they tell the images apart
    files = [facts["formats"][name]["file"] for name in names]
    answers = ask_all(head / "export", files, Path("data") / paths[0])
    for name, answer in zip(names, answers, strict=True):
        np.testing.assert_allclose(answer, expected[0], atol=2e-5, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backbone", "layer"),
    [
        ("densenet121", "conv2_block2_concat"),
        ("convnexttiny", "convnext_tiny_stage_1_block_0_identity"),
    ],
)
def test_onnx_of_what_keras_builds_otherwise(run, work, backbone, layer):
    # Preprocessing of given means, and grouped convolutions: in the first blocks, which
    # the later ones repeat.
    if lacking("onnx"):
        pytest.skip(f"not installed: {lacking('onnx')}")
    words = ("--backbone", backbone, "--image-size", 32, "--weights", "random")
    fitted = run("fit", "--head", "lda", *words, "--layer", layer)
    assert fitted.exit_code == 0, fitted.stderr
    done = run("export", f"data-{backbone}-random-lda", "--format", "onnx")
    assert done.exit_code == 0, done.stderr
    assert "tf2onnx" not in done.stderr


def lacking(name):
    """Return which packages of a format are not installed."""
    return [one for one in MODEL_FORMATS[name].versions if find_spec(one) is None]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a run of a network from scratch."""
    folder = tmp_path_factory.mktemp("trained")
    make_colours(folder / "data", size=(40, 40))
    # Augmented in training: the model answers without that.
    small = ("--image-size", 32, "--epochs", 1)
    words = ("--network", "basenet", "--augment", "coursework", *small)
    in_folder(folder, "train", *words)
    return folder


@pytest.fixture
def network(trained, monkeypatch):
    """The network's run, without an export; the work is where it is."""
    monkeypatch.chdir(trained)
    path = Path("reports") / NETWORK
    shutil.rmtree(path / "export", ignore_errors=True)
    return path


@pytest.mark.parametrize("name", FORMATS)
def test_a_network_is_exported_as_it_is(run, network, name):
    if lacking(name):
        pytest.skip(f"not installed: {lacking(name)}")
    for _ in range(2):  # the second takes the first's place
        done = run("export", NETWORK, "--format", name)
        assert done.exit_code == 0, done.stderr
    file = MODEL_FORMATS[name].file
    names = {".lock", "README.md", "classes.txt", "export.json", file}
    assert {path.name for path in (network / "export").iterdir()} == names
    facts = json.loads((network / "export" / "export.json").read_text())
    assert [one["name"] for one in facts["inputs"]] == ["images"]
    assert facts["classes"] == ["blue", "green", "red"]
    entry = facts["formats"][name]
    assert entry["file"] == file
    assert entry["check"]["images"] == 12
    assert entry["check"]["largest_difference"] < 1e-4
    assert set(entry["versions"]) >= {"featx", "python", *MODEL_FORMATS[name].versions}


def export_network(run, name):
    """Export the network in a format; return the file."""
    if lacking(name):
        pytest.skip(f"not installed: {lacking(name)}")
    done = run("export", NETWORK, "--format", name)
    assert done.exit_code == 0, done.stderr
    return Path("reports") / NETWORK / "export" / MODEL_FORMATS[name].file


def check_description(facts):
    """Check what a file says of itself."""
    assert facts["classes"] == ["blue", "green", "red"]
    assert facts["run"] == NETWORK
    assert facts["featx"] == version("featx")
    (shown,) = facts["inputs"]
    assert (shown["name"], shown["image_size"]) == ("images", 32)
    assert (shown["channels"], shown["range"]) == ("RGB", [0, 255])
    assert shown["resize"] == "squash"
    assert "bilinear" in shown["resizing"]
    assert facts["output"]["name"] == "probabilities"


def test_a_keras_file_describes_itself(run, network):
    file = export_network(run, "keras")
    with zipfile.ZipFile(file) as archive:
        check_description(json.loads(archive.read("featx.json")))
        assert archive.read("classes.txt") == b"blue\ngreen\nred\n"
    model = import_keras().saving.load_model(file)
    assert model.output_names == ["probabilities"]


def test_a_saved_model_describes_itself(run, network):
    folder = export_network(run, "savedmodel")
    check_description(json.loads((folder / "assets.extra/featx.json").read_bytes()))
    assert (folder / "assets.extra/classes.txt").read_text() == "blue\ngreen\nred\n"
    loaded = import_tensorflow().saved_model.load(str(folder))
    given = loaded.signatures["serving_default"].structured_outputs
    assert list(given) == ["probabilities"]


def test_an_onnx_file_describes_itself(run, network):
    file = export_network(run, "onnx")
    session = find_module("onnxruntime").InferenceSession(file)
    texts = session.get_modelmeta().custom_metadata_map
    assert texts["format"] == "featx-model"
    lists = ("classes", "inputs", "output")
    check_description(texts | {name: json.loads(texts[name]) for name in lists})
    (given,), (asked,) = session.get_outputs(), session.get_inputs()
    assert (given.name, given.shape) == ("probabilities", ["batch", 3])
    assert (asked.name, asked.shape) == ("images", ["batch", 32, 32, 3])


def test_a_tflite_file_describes_itself(run, network):
    file = export_network(run, "tflite")
    with zipfile.ZipFile(file) as archive:
        check_description(json.loads(archive.read("featx.json")))
        assert archive.read("classes.txt") == b"blue\ngreen\nred\n"
    utils = find_module("tensorflow.lite.tools.flatbuffer_utils")
    model = utils.read_model(str(file))
    (graph,) = model.subgraphs
    places = (*graph.inputs, *graph.outputs)
    assert [graph.tensors[i].name for i in places] == [b"images", b"probabilities"]
    entries = {one.name: model.buffers[one.buffer].data for one in model.metadata}
    about = read_tables(bytes(entries[b"TFLITE_METADATA"]))
    assert about.text(0) == NETWORK
    (part,) = about.tables(3)
    (shown,), (given,) = part.tables(2), part.tables(3)
    assert shown.text(0) == "images"
    assert shown.inner(3).inner(1).inner(1).number(0) == 32  # the default width
    assert given.text(0) == "probabilities"
    (labels,) = given.tables(6)
    assert labels.text(0) == "classes.txt"


class Table:
    """A table of a flatbuffer, read by the places of its fields."""

    def __init__(self, content, place):
        self.table = find_module("flatbuffers.table").Table(content, place)

    def _at(self, field):
        offset = self.table.Offset(4 + 2 * field)
        assert offset, f"no field {field}"
        return self.table.Pos + offset

    def text(self, field):
        return self.table.String(self._at(field)).decode()

    def number(self, field):
        types = find_module("flatbuffers.number_types")
        return self.table.Get(types.Uint32Flags, self._at(field))

    def inner(self, field):
        return Table(self.table.Bytes, self.table.Indirect(self._at(field)))

    def tables(self, field):
        offset = self.table.Offset(4 + 2 * field)
        start = self.table.Vector(offset)
        places = (start + 4 * i for i in range(self.table.VectorLen(offset)))
        return [Table(self.table.Bytes, self.table.Indirect(one)) for one in places]


def read_tables(content):
    """Return the root of a flatbuffer."""
    assert content[4:8] == b"M001"
    return Table(content, int.from_bytes(content[:4], "little"))


def test_the_readme_asks_a_file(run, network):
    export_network(run, "onnx")
    paths, expected = written_of(network)
    answer = ask(network / "export", "model.onnx", Path("data") / paths[0])
    np.testing.assert_allclose(answer, expected[0], atol=2e-5)
    page = (network / "export" / "README.md").read_text("utf-8")
    assert re.search(r"\| `model.onnx` \| .* \| \d\.\d{3} on 12 images \|\n", page)


@pytest.mark.parametrize("name", FORMATS)
def test_a_batch_is_open_or_fixed(run, network, name):
    if lacking(name):
        pytest.skip(f"not installed: {lacking(name)}")
    done = run("export", NETWORK, "--format", name, "--batch-size", 5)
    assert done.exit_code == 0, done.stderr
    facts = json.loads((network / "export" / "export.json").read_text())
    entry = facts["formats"][name]
    assert entry["batch_size"] == 5
    assert entry["inputs"][0]["shape"] == [5, 32, 32, 3]
    assert entry["check"]["images"] == 12
    assert facts["inputs"][0]["shape"] == [None, 32, 32, 3]
    if name == "onnx":
        paths, expected = written_of(network)
        answer = ask(network / "export", "model.onnx", Path("data") / paths[0])
        np.testing.assert_allclose(answer, expected[0], atol=2e-5)


@pytest.mark.parametrize("how", ["float16", "int8"])
def test_a_quantised_model_says_what_it_keeps(run, network, how):
    done = run("export", NETWORK, "--format", "tflite", "--quantize", how)
    assert done.exit_code == 0, done.stderr
    assert f"model-{how}.tflite" in done.stdout
    facts = json.loads((network / "export" / "export.json").read_text())
    found = facts["formats"][f"tflite-{how}"]
    assert found["quantize"] == how
    assert found["check"]["tolerance"] == model_check.QUANTIZED[how]
    assert 0 < found["check"]["mean_difference"] < found["check"]["tolerance"]
    right = json.loads((network / "metrics.json").read_text())["accuracy"]
    assert found["check"]["run_accuracy"] == pytest.approx(right)
    assert found["check"]["accuracy"] is not None
    tensors = tensor_types(network / "export" / f"model-{how}.tflite")
    assert {"float16": np.float16, "int8": np.int8}[how] in tensors


def tensor_types(file):
    with ignoring("tf.lite.Interpreter is deprecated", UserWarning):
        interpreter = import_tensorflow().lite.Interpreter(str(file))
    return {one["dtype"] for one in interpreter.get_tensor_details()}


def test_what_can_not_be_quantised_is_refused(run, network, monkeypatch):
    done = run("export", NETWORK, "--format", "keras", "--quantize", "int8")
    assert "--quantize int8 is for --format tflite, not keras" in done.stderr
    words = ("--format", "tflite", "--quantize", "int8")
    done = run("export", NETWORK, *words, "--with-resize")
    assert done.exit_code == 2
    assert "--quantize int8 would compute the resizing in 8 bits" in done.stderr
    train = Path("data/train").absolute()
    train.rename("hidden")
    try:
        done = run("export", NETWORK, *words)
    finally:
        Path("hidden").rename(train)
    assert done.exit_code == 1
    assert "--quantize int8 measures ranges on training images" in done.stderr
    monkeypatch.setitem(model_check.QUANTIZED, "int8", 0.0)
    done = run("export", NETWORK, *words)
    assert "--quantize int8 changes the probabilities of an image by" in done.stderr
    assert not list((network / "export").glob("*.tflite"))


@pytest.fixture(scope="module")
def cropped(tmp_path_factory):
    """A folder with a network on crops of images that featx makes smaller first."""
    folder = tmp_path_factory.mktemp("cropped")
    make_colours(folder / "data", size=(150, 100))
    image = folder / "data" / "test" / "red" / "000.png"
    Image.open(image).save(image.with_suffix(".jpg"))
    image.unlink()
    words = ("--network", "basenet", "--image-size", 32, "--epochs", 2)
    in_folder(folder, "train", *words, "--resize", "crop")
    return folder


@pytest.fixture
def photos(cropped, monkeypatch):
    """The network's run, without an export; the work is where it is."""
    monkeypatch.chdir(cropped)
    path = Path("reports") / f"{NETWORK}-crop"
    shutil.rmtree(path / "export", ignore_errors=True)
    return path


@pytest.mark.parametrize(
    "name",
    [
        *("keras", "onnx"),
        # How these are written is tested without the resizing as well.
        *(pytest.param(name, marks=pytest.mark.slow) for name in OTHER_FORMATS),
    ],
)
def test_a_model_may_resize_photos(run, photos, name):
    if lacking(name):
        pytest.skip(f"not installed: {lacking(name)}")
    done = run("export", photos, "--format", name, "--with-resize")
    assert done.exit_code == 0, done.stderr
    assert "featx has the decoder reduce 1 of them" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    facts = json.loads((photos / "export" / "export.json").read_text())
    entry = facts["formats"][f"{name}-any-size"]
    (given,) = entry["inputs"]
    assert (given["name"], given["shape"]) == ("photos", [None, None, None, 3])
    assert entry["check"]["largest_difference"] < 1e-3
    assert entry["check"]["reduced"] == 1
    if name == "onnx":
        paths, expected = written_of(photos)
        answer = ask(photos / "export", entry["file"], Path("data") / paths[0])
        np.testing.assert_allclose(answer, expected[0], atol=1e-3)


def test_a_run_that_minds_other_pixels_is_not_resized(run, photos, monkeypatch):
    if lacking("onnx"):
        pytest.skip(f"not installed: {lacking('onnx')}")
    monkeypatch.setattr(model_check, "TOLERANCE", -1)
    done = run("export", photos, "--format", "onnx", "--with-resize")
    assert done.exit_code == 1
    assert "--with-resize changes its probabilities by" in done.stderr
    assert not list((photos / "export").glob("*.onnx"))


def test_the_readme_resizes_as_featx_does(run, photos, tmp_path):
    image = Image.open("data/test/red/001.png").convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    image.save(tmp_path / "transparent.png", exif=turned())
    files = [Path("data/test/red", name) for name in ("000.jpg", "001.png")]
    for way in ("squash", "crop", "pad"):
        for file in (*files, tmp_path / "transparent.png"):
            check_reading(way, file, 32)


def test_the_readme_puts_photos_on_white(tmp_path):
    image = Image.effect_noise((30, 20), 50).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    photo = tmp_path / "transparent.png"
    image.save(photo, exif=turned())
    names = {}
    exec(readme._read_photo("photos").replace("photo.jpg", str(photo)), names)
    (found,) = names["images"]["photos"]
    np.testing.assert_array_equal(found, decode_full(photo.read_bytes()))


def turned():
    """Return EXIF that says that a photo was taken upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def check_reading(way, photo, side):
    facts = {"name": "images", "resize": way, "image_size": side}
    names = {}
    code = readme._read_squares([facts]).replace("photo.jpg", str(photo))
    exec(compile(code, "README.md", "exec"), names)
    expected = decode(photo.read_bytes(), (side, side), way)
    np.testing.assert_array_equal(names["images"]["images"][0], expected)


def test_facts_tell_of_what_is_there(run, network):
    folder = network / "export"
    words = ("--format", "savedmodel", "--format", "keras")
    assert run("export", NETWORK, *words).exit_code == 0
    facts = json.loads((folder / "export.json").read_text())
    assert set(facts["formats"]) == {"keras", "savedmodel"}
    shutil.rmtree(folder / "savedmodel")
    for name in (".aside-file", ".aside-folder/file"):  # of who was killed
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"half")
    assert run("export", NETWORK).exit_code == 0
    facts = json.loads((folder / "export.json").read_text())
    assert set(facts["formats"]) == {"keras"}
    assert not list(folder.glob(".aside-*"))
    (folder / "export.json").write_text("damaged")
    assert run("export", NETWORK).exit_code == 0
    again = json.loads((folder / "export.json").read_text())
    assert set(again["formats"]) == {"keras"}


def test_a_model_that_says_something_else_is_not_kept(run, network):
    assert run("export", NETWORK, "--format", "keras").exit_code == 0
    before = (network / "export" / "model.keras").read_bytes()
    rows = (network / "predictions.csv").read_text()
    other = rows.replace(",0.", ",0.1")
    (network / "predictions.csv").write_text(other)
    done = run("export", NETWORK)
    (network / "predictions.csv").write_text(rows)
    assert done.exit_code == 1
    assert "model.keras: its probabilities differ from predictions.csv" in done.stderr
    assert "make the run again" in done.stderr
    assert (network / "export" / "model.keras").read_bytes() == before

    broken = lambda *_: np.full((12, 3), np.nan)  # noqa: E731
    expected = model_check.Expected("x", np.full((12, 3), 1 / 3))
    trial = model_check.on_squares({}, expected, None)
    for answer, reason in ((broken, "by nan"), (lambda _: np.ones((9, 2)), "shape")):
        with pytest.raises(model_check.ExportError, match=reason):
            model_check.check(network, answer, trial)


def test_the_run_says_which_classes_it_predicted(run, network):
    # Its probabilities are rounded: of a tie they don't tell the predicted class.
    file = network / "predictions.csv"
    was = file.read_text()
    header, first, *others = was.splitlines()
    path, label, predicted, *numbers = first.split(",")
    other = next(name for name in ("blue", "green", "red") if name != predicted)
    changed = ",".join([path, label, other, *numbers])
    file.write_text("\n".join([header, changed, *others, ""]))
    try:
        done = run("export", NETWORK)
    finally:
        file.write_text(was)
    assert done.exit_code == 0, done.stderr
    facts = json.loads((network / "export" / "export.json").read_text())
    check = facts["formats"]["keras"]["check"]
    assert check["other_classes"] == 1
    gained = (label == other) - (label == predicted)
    assert check["run_accuracy"] == pytest.approx(check["accuracy"] + gained / 12)


@pytest.mark.skipif(not has_bfloat16(), reason="this CPU has no bfloat16")
def test_lower_precision_is_measured_by_float32(run, work):
    words = ("--precision", "bfloat16", *BACKBONE)
    assert run("extract", *words).exit_code == 0
    assert run("fit", "--head", "lda").exit_code == 0
    done = run("export", LDA)
    assert done.exit_code == 0, done.stderr
    beside = "compared with the head on float32 embeddings"
    assert beside in " ".join(done.stdout.split())
    assert "lower precision changes probabilities" in done.stdout
    facts = json.loads((work / "reports" / LDA / "export/export.json").read_text())
    check = facts["formats"]["keras"]["check"]
    assert check["largest_difference"] < 1e-4 < check["drift"]


def test_errors_are_one_line(run, network, monkeypatch):
    def fails(*_):
        raise ValueError("no such operation\nat length")

    broken = model_formats.ModelFormat("keras", "model.keras", fails, fails, fails)
    monkeypatch.setitem(MODEL_FORMATS, "keras", broken)
    done = run("export", NETWORK)
    assert done.exit_code == 1
    reason = "can't be written as keras (ValueError: no such operation)"
    assert reason in done.stderr
    assert not (network / "export" / "model.keras").exists()

    def takes_all(*_):
        raise MemoryError

    greedy = model_formats.ModelFormat(
        "keras", "model.keras", takes_all, takes_all, takes_all
    )
    monkeypatch.setitem(MODEL_FORMATS, "keras", greedy)
    done = run("export", NETWORK, "--batch-size", 4)
    assert "out of memory while writing it as keras; use a smaller" in done.stderr

    lacking = model_formats.ModelFormat(
        *("onnx", "model.onnx", fails, fails, fails),
        versions=("not_there",),
        extra="onnx",
    )
    monkeypatch.setitem(MODEL_FORMATS, "onnx", lacking)
    done = run("export", NETWORK, "--format", "onnx")
    assert 'not_there not installed; pip install "featx[onnx]"' in done.stderr
    with pytest.raises(
        model_check.ExportError, match="'h5' is not a format; choose one of"
    ):
        model_formats.find_format("h5", ExportSettings())

    image = Path("data/test/red/000.png")
    content = image.read_bytes()
    image.write_bytes(b"no image")
    done = run("export", NETWORK)
    assert "red/000.png: not an image" in done.stderr
    image.write_bytes(content)


def test_a_copied_run_resizes_drawn_images(run, photos, tmp_path, monkeypatch):
    if lacking("onnx"):
        pytest.skip(f"not installed: {lacking('onnx')}")
    # After one epoch the network may mind pixels of drawn images that differ by one.
    monkeypatch.setattr(model_check, "TOLERANCE", 0.01)
    shutil.copytree(photos, tmp_path / "copied")
    image = Path("data/test/red/001.png")
    image.rename(image.with_suffix(".gone"))
    try:
        words = ("--format", "onnx", "--with-resize")
        done = run("export", tmp_path / "copied", *words)
    finally:
        image.with_suffix(".gone").rename(image)
    assert done.exit_code == 0, done.stderr
    facts = json.loads((tmp_path / "copied/export/export.json").read_text())
    check = facts["formats"]["onnx-any-size"]["check"]
    assert (check["missing"], check["accuracy"]) == (1, None)


@pytest.mark.slow
@pytest.mark.parametrize("made", ["head", "network"])
def test_a_copied_run_is_checked_on_drawn_images(run, made, request, tmp_path):
    path = request.getfixturevalue(made)
    shutil.copytree(path, tmp_path / "copied")
    cache = sorted(Path("cache").rglob("*"))
    image = Path("data/test/red/000.png").absolute()
    image.rename(image.with_suffix(".gone"))
    try:
        done = run("export", tmp_path / "copied")
    finally:
        image.with_suffix(".gone").rename(image)
    assert done.exit_code == 0, done.stderr
    assert "compared with the run itself, on 36 drawn images" in done.stdout
    assert "1 of the run's test images can't be found" in done.stdout
    facts = json.loads((tmp_path / "copied/export/export.json").read_text())
    check = facts["formats"]["keras"]["check"]
    assert (check["images"], check["missing"]) == (36, 1)
    assert check["largest_difference"] < 1e-4
    assert sorted(Path("cache").rglob("*")) == cache


@pytest.fixture(scope="module")
def finetuned(tmp_path_factory):
    """A folder with a fine-tuned run."""
    folder = tmp_path_factory.mktemp("finetuned")
    make_colours(folder / "data", size=(40, 40))
    in_folder(folder, "fit", "--head", "lda", *BACKBONE, "--precision", "float32")
    words = ("--unfreeze", "conv_dw_2", "--epochs", 1, "--validation", 0.25)
    in_folder(folder, "finetune", LDA, *words)
    return folder


@pytest.mark.slow
def test_a_fine_tuned_run_is_exported_in_every_format(run, finetuned, monkeypatch):
    monkeypatch.chdir(finetuned)
    check_every_format(run, f"{LDA}-finetune", 2e-5)


@pytest.mark.slow
def test_several_sizes_and_views_are_resized_in_every_format(run, head):
    check_every_format(run, LDA, 1e-3, "--with-resize")


def check_every_format(run, name, atol, *options):
    """Export in every format, and ask each file in a process without featx."""
    names = [one for one in FORMATS if not lacking(one)]
    words = [word for one in names for word in ("--format", one)]
    done = run("export", name, *words, *options)
    assert done.exit_code == 0, done.stderr
    folder = Path("reports") / name / "export"
    paths, expected = written_of(folder.parent)
    entries = json.loads((folder / "export.json").read_text())["formats"].values()
    assert len(entries) == len(names)
    files = [one["file"] for one in entries]
    for file, answer in zip(
        files, ask_all(folder, files, Path("data") / paths[0]), strict=True
    ):
        np.testing.assert_allclose(answer, expected[0], atol=atol, err_msg=file)


BOOSTED = "data-mobilenet-0.25-random-gboost"


@pytest.fixture(scope="module")
def boosted(tmp_path_factory):
    """A folder with a run of trees."""
    folder = tmp_path_factory.mktemp("boosted")
    make_colours(folder / "data", size=(40, 40))
    words = (*BACKBONE, "--precision", "float32")
    in_folder(folder, "fit", "--head", "gboost", *words)
    return folder


@pytest.mark.slow
def test_trees_are_exported_as_they_are(run, boosted, monkeypatch):
    monkeypatch.chdir(boosted)
    check_every_format(run, BOOSTED, 2e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "head",
    ["ridge", "prototype", "knn", "kmeans", "sklearn.linear_model.RidgeClassifier"],
)
def test_other_heads_are_exported_as_they_are(head, run, boosted, monkeypatch):
    monkeypatch.chdir(boosted)
    in_folder(boosted, "fit", "--head", head, *BACKBONE, "--precision", "float32")
    check_every_format(run, f"data-mobilenet-0.25-random-{head}", 1e-4)


def test_a_head_without_layers_is_sent_to_fine_tuning(run, boosted, monkeypatch):
    def none(_):
        raise HeadError("no layers")

    monkeypatch.chdir(boosted)
    monkeypatch.setattr(GradientBoostingHead, "_layers", none)
    done = run("export", BOOSTED)
    assert done.exit_code == 1
    assert f"gboost has no Keras layers; `featx finetune {BOOSTED}`" in done.stderr


def test_trees_may_step_over_a_threshold(tmp_path):
    expected = np.full((200, 2), 0.5)
    for steps, count, kept in ((True, 2, True), (True, 4, False), (False, 1, False)):
        given = expected.copy()
        given[:count] += 0.1
        asked = model_check.Expected("x", expected, steps=steps)
        trial = model_check.Trial(lambda given=given: iter([(given, 200)]), asked)
        if kept:
            found = model_check.check(tmp_path, lambda batch: batch, trial)
            assert found.beyond == count
        else:
            with pytest.raises(model_check.ExportError, match="differ"):
                model_check.check(tmp_path, lambda batch: batch, trial)


def test_one_export_at_a_time(run, network):
    (network / "export").mkdir()
    with FolderLock(network / "export" / ".lock").alone() as alone:
        assert alone
        done = run("export", NETWORK)
    assert done.exit_code == 1
    assert "another process is exporting there" in done.stderr
