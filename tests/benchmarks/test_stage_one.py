"""The benchmark counts, divides and writes rightly; no test asks how fast it is."""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from benchmarks.arithmetic import MatrixProduct, operations_per_image
from benchmarks.machine import Bystanders, describe_machine
from benchmarks.photos import copy_photos, draw_photos
from benchmarks.stage_one.__main__ import BEGIN, END, main, show_in
from benchmarks.stage_one.figure import stage_one_figure
from benchmarks.stage_one.results import markdown, ratios, summarise
from benchmarks.turns import PER_CORE, Worker
from featx.frameworks import import_keras
from featx.images.decoding import decode
from featx.images.layouts.read import read_images

ROOT = Path(__file__).parents[2]
GALLERY = ROOT / "reports" / "benchmarks"

RATES = {
    "matmul_bfloat16": 800.0,
    "matmul_float32": 400.0,
    "model_bfloat16": 70.0,
    "model_float32": 36.0,
    "end_to_end": 63.0,
    "keras": 30.0,
}
REPEAT = {
    **RATES,
    **{kind + PER_CORE: rate / 2 for kind, rate in RATES.items()},
    "others_cpu_share": 0.0,
}


def measured(**changes):
    """What would come of three repeats, the middle one as above."""
    repeats = [{k: f * v for k, v in REPEAT.items()} for f in (0.5, 1, 2)]
    repeats[2]["keras"] = 10.0
    return {
        "image_size": 224,
        "weights": "random",
        "operations": 10,
        "torch": {"skipped": "torch is not installed"},
        "engine": "openvino",
        "precision": "bfloat16",
        "batch_size": 32,
        "repeats": repeats,
        **changes,
    }


def results(**changes):
    return {
        "date": "2026-01-02",
        "machine": describe_machine(),
        "versions": {"python": "3"},
        "images": {"count": 2000, "mean_kb": 45.2, "source": "drawn"},
        "backbones": {"resnet50": summarise(measured(**changes))},
    }


def test_ratios_are_of_one_repeat_each():
    found = ratios(measured())
    assert found["end_to_end/model"] == pytest.approx([0.9, 0.9, 0.9])
    assert found["end_to_end/keras"] == pytest.approx([2.1, 2.1, 12.6])
    assert found["model/matmul"] == pytest.approx([0.875] * 3)
    assert found["model/matmul, float32"] == pytest.approx([0.9] * 3)
    assert "end_to_end/torch" not in found
    per_core = ratios(measured(), PER_CORE)
    assert per_core["end_to_end/keras"] == pytest.approx([2.1, 2.1, 2.1])
    assert per_core["model/matmul"] == pytest.approx([0.875] * 3)


def test_medians_and_ranges():
    done = summarise(measured())
    assert done["medians"]["keras"] == 15.0
    assert done["ratios"]["end_to_end/keras"] == {
        "median": 2.1,
        "min": 2.1,
        "max": 12.6,
    }


def test_tables_say_what_was_measured_and_what_was_not():
    text = markdown(results())
    assert "| `resnet50` @224, openvino, bfloat16 | 15.0 | – | **63.0** | 70.0" in text
    assert "| **63.0** | 70.0 | 36.0 | 80.0 |" in text
    assert "2.10 (2.10 to 12.60)" in text
    assert "2000 drawn JPEG files of 45 kB" in text
    assert "Without PyTorch: torch is not installed." in text
    assert "Random weights in `resnet50`" in text
    repeats = [{**REPEAT, "torch": 20.0, f"torch{PER_CORE}": 10.0}]
    other = markdown(results(repeats=repeats, torch={}, weights="imagenet"))
    assert "| 20.0 | **63.0** |" in other
    assert "Without PyTorch" not in other
    assert "Random" not in other
    assert "per core-second" not in other


def test_ratios_are_told_per_core_second_where_others_are_at_work():
    busy = {**REPEAT, "others_cpu_share": 0.5}
    assert "| `resnet50`, per core-second | 2.10" in markdown(results(repeats=[busy]))


def test_figure():
    png = stage_one_figure(results())
    assert png.startswith(b"\x89PNG")
    assert len(png) > 10_000


def test_tables_go_between_the_marks(tmp_path):
    document = tmp_path / "README.md"
    document.write_text(f"before\n{BEGIN}old\n{END}after\n")
    show_in(document, "new\n")
    assert document.read_text() == f"before\n{BEGIN}new\n{END}after\n"
    document.write_text("no marks\n")
    with pytest.raises(ValueError, match="no lines"):
        show_in(document, "new\n")
    assert document.read_text() == "no marks\n"


def test_photos_have_bytes_of_their_own_and_the_size_of_photographs(tmp_path):
    first = draw_photos(tmp_path / "a", 12)
    again = draw_photos(tmp_path / "b", 12)
    files = read_images(first).files
    contents = [path.read_bytes() for path in files]
    assert len(files) == len(set(contents)) == 12
    assert contents == [path.read_bytes() for path in read_images(again).files]
    assert 40_000 < np.mean([len(content) for content in contents]) < 50_000
    assert decode(contents[0], (8, 8)).std() > 10


def test_given_photos_are_spread_over_all(tmp_path):
    drawn = draw_photos(tmp_path / "a", 20)
    copied = copy_photos(drawn, tmp_path / "b", 10)
    taken = read_images(copied)
    assert len(taken) == 10
    assert len(taken.classes) >= 5
    with pytest.raises(ValueError, match="no JPEG files"):
        copy_photos(tmp_path / "nothing", tmp_path / "c", 10)


@pytest.mark.slow
def test_operations_are_counted_by_hand():
    keras = import_keras()
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(4, 3, padding="same", strides=2),
            keras.layers.Conv2D(6, 1, groups=2),
            keras.layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2),
            keras.layers.SeparableConv2D(7, 3, padding="same"),
            keras.Sequential([keras.layers.BatchNormalization()]),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(5),
        ]
    )
    by_hand = 16 * 4 * 27 + 16 * 6 * 2 + 16 * 12 * 9 + 16 * 12 * (9 + 7) + 7 * 5
    assert operations_per_image(model) == 2 * by_hand


@pytest.mark.slow
@pytest.mark.parametrize(
    ("builder", "arguments", "published"),
    [
        # Multiply-adds of He et al. 2016 (without the two stride-2 details), Sandler
        # et al. 2018, in 1e9; with the classifier, which is a few millions.
        ("ResNet50", {}, 3.8),
        ("MobileNetV2", {"alpha": 0.35}, 0.059),
    ],
)
def test_operations_of_known_networks(builder, arguments, published):
    keras = import_keras()
    model = getattr(keras.applications, builder)(weights=None, **arguments)
    assert operations_per_image(model) == pytest.approx(2e9 * published, rel=0.03)


def test_matrix_product():
    product = MatrixProduct("float32", sides=(32, 64))
    assert product.side in {32, 64}
    assert product.operations == 2 * product.side**3
    product()


def test_a_worker_that_fails_leaves_its_words():
    with (
        Worker("benchmarks.stage_one.torch_worker") as worker,
        pytest.raises(RuntimeError, match=r"(?s)ended at 'fly'.*AttributeError"),
    ):
        worker.ask("fly")


def test_pytorch_is_left_out_with_a_line(tmp_path):
    if find_spec("torchvision"):
        pytest.skip("torchvision is installed")
    with Worker("benchmarks.stage_one.torch_worker") as worker:
        answer = worker.ask(
            "open", backbone="resnet50", image_size=32, folder=str(tmp_path)
        )
    assert answer["skipped"].endswith("is not installed")


def test_bystanders_are_not_ourselves():
    with Worker("benchmarks.stage_one.torch_worker") as worker:
        assert 0 <= Bystanders([worker.pid]).share() <= 1


def test_the_readme_shows_the_tables_of_the_last_run():
    readme = (ROOT / "docs" / "reference" / "speed.md").read_text(encoding="utf-8")
    tables = (GALLERY / "stage-one.md").read_text(encoding="utf-8")
    assert BEGIN + tables + END in readme
    kept = json.loads((GALLERY / "stage-one.json").read_text(encoding="utf-8"))
    assert markdown(kept) == tables


@pytest.mark.slow
def test_a_tiny_run_writes_all_three_files(tmp_path, capsys):
    backbone = "mobilenet-0.25"
    main(
        [
            *("--images", "40", "--backbones", backbone, "--image-size", "64"),
            *("--repeats", "2", "--minutes", "0", "--seconds", "0.05"),
            *("--out", str(tmp_path)),
        ]
    )
    written = json.loads((tmp_path / "stage-one.json").read_text())
    one = written["backbones"][backbone]
    assert len(one["repeats"]) == 2
    assert min(one["medians"][kind] for kind in ("keras", "end_to_end")) > 0
    assert one["medians"][f"model_{one['precision']}"] > 0
    assert one["ratios"].keys() >= {"end_to_end/keras", "model/matmul"}
    assert written["images"]["count"] == 40
    assert (tmp_path / "stage-one.md").read_text() == markdown(written)
    assert (tmp_path / "stage-one.png").read_bytes().startswith(b"\x89PNG")
    assert markdown(written) in capsys.readouterr().out
