"""The benchmark of a GPU machine runs on a CPU, and divides and writes rightly."""

import json

import numpy as np
import pytest

from benchmarks.gpu.__main__ import main
from benchmarks.gpu.measuring import Clock, measure_command
from benchmarks.gpu.results import markdown, summarise
from benchmarks.gpu.steady import Watch
from benchmarks.machine import describe_gpu, describe_machine, versions
from benchmarks.photos import draw_photos, multiply_photos
from benchmarks.turns import Worker
from featx.images.decoding import decode

DECODING = {
    "hashing": 20000.0,
    "sides": {
        "224": [
            {"where": "threads", "count": 16, "rate": 4000.0, "first": 0.1},
            {"where": "processes", "count": 16, "rate": 9000.0, "first": 1.5},
        ]
    },
}


def passed(images, seconds, steady):
    return {"images": images, "seconds": seconds, "steady": steady}


def measured(**changes):
    """What would come of two turns."""
    turns = [
        {
            "featx": {
                "device": 12000.0 * f,
                "host": 10000.0 * f,
                "auto": passed(9000, 2 / f, 8100.0 * f),
                "processes": passed(9000, 3 / f, 8400.0 * f),
            },
            "torch": {
                "device": 9000.0,
                "host": 8000.0,
                "pillow": passed(9000, 4, 3000.0),
                "torchvision": passed(9000, 3, 3600.0),
            },
        }
        for f in (0.9, 1.1)
    ]
    return {
        "backbone": "resnet50",
        "precision": "bfloat16",
        "image_size": 224,
        "engine": "jax",
        "batch_size": 256,
        "operations": 10**10,
        "matmul": 2.4e14,
        "start_up": {"import": 1.0, "build": 2.0, "compile": 12.3},
        "torch": {"start_up": {"compile": 40.0}},
        "repeats": turns,
        **changes,
    }


def results(*backbones, **changes):
    return {
        "date": "2026-01-02",
        "machine": describe_machine(),
        "gpu": {
            "name": "NVIDIA H100 80GB HBM3",
            "driver": "570.1",
            "memory": "81559 MiB",
            "power_limit": "700.00 W",
            "most_clock": "1980 MHz",
        },
        "device": "NVIDIA H100 80GB HBM3",
        "versions": {"python": "3"},
        "images": {"count": 40000, "mean_kb": 45.2},
        "repeats": 2,
        "decoding": DECODING,
        "backbones": list(backbones),
        **changes,
    }


def test_shares_are_of_the_smaller_limit():
    done = summarise(measured(), DECODING)
    assert (done["limit"], done["decoding"], done["allowed"]) == (9000, 9000, 24000)
    assert done["shares"]["device/matmul"] == 0.5
    assert done["shares"]["host/device"] == pytest.approx(10 / 12, abs=1e-3)
    assert done["shares"]["whole, auto/limit"] == 0.5
    assert done["shares"]["steady, auto/limit"] == 0.9
    # The faster of PyTorch's ways counts.
    assert done["shares"]["whole/torch"] == 1.5
    assert done["shares"]["steady/torch"] == 2.25
    slow = {"hashing": 1.0, "sides": {"224": [{"rate": 90000.0}]}}
    assert summarise(measured(), slow)["limit"] == 10000


def test_pytorch_may_be_missing_or_fail_on_the_way():
    turns = measured()["repeats"]
    for turn in turns:
        turn["torch"] = {}
    skipped = measured(repeats=turns, torch={"skipped": "torch is not installed"})
    done = summarise(skipped, DECODING)
    assert "whole/torch" not in done["shares"]
    text = markdown(results(done))
    assert "| – | – | – | – |" in text
    assert "PyTorch is left out: torch is not installed." in text
    turns = measured()["repeats"]
    turns[1]["torch"] = {"device": 9000.0}
    failed = measured(repeats=turns, torch={"failed": "at 'embed': killed"})
    done = summarise(failed, DECODING)
    assert done["medians"]["torch"] == {"device": 9000.0}
    assert "PyTorch failed at 'embed': killed." in markdown(results(done))


def test_tables_say_what_was_measured_and_what_was_not():
    late = measured(precision="float32")
    late = {k: late[k] for k in ("backbone", "precision", "image_size")}
    late["skipped"] = "the 7 minutes were over"
    done = {**summarise(measured(), DECODING), "command": {"seconds": 21.0}}
    text = markdown(results(done, summarise(late, DECODING)))
    assert "| 9000, decoding | **4500 (0.50)** | 8100 (0.90) | 8400 (0.93) |" in text
    assert "| 240 | 24000 | 12000 (0.50) | 10000 (0.83) | 9000 | 8000 |" in text
    assert "| 224 | 4000 | 9000 |" in text
    assert "| 1.0 | 2.0 | 12.3 | 21.0 | 40.0 |" in text
    assert "NVIDIA H100 80GB HBM3 (driver 570.1, 700.00 W)" in text
    assert "`resnet50` @224, float32 is left out: the 7 minutes were over." in text


def test_a_run_that_measured_nothing_says_why():
    only = {"backbone": "resnet50", "precision": "float32", "image_size": 224}
    text = markdown(results({**only, "skipped": "no memory"}, gpu=None, device="CPU"))
    assert "float32 is left out: no memory." in text
    assert "\nCPU; " in text


def test_the_steady_rate_leaves_out_the_start(monkeypatch):
    times = iter([0.0, 10.0, 11.0, 12.0, 14.0])
    monkeypatch.setattr("benchmarks.gpu.steady.time.perf_counter", lambda: next(times))
    watch = Watch()
    watch(0, 90)  # which is no image
    for done in (30, 60, 90):
        watch(done, 90)
    assert watch.result() == {
        "images": 90,
        "seconds": 14.0,
        "first": 10.0,
        "steady": 60 / 4,
    }


def test_copies_of_photos_look_the_same_and_have_their_own_bytes(tmp_path):
    draw_photos(tmp_path, 3)
    files = multiply_photos(tmp_path, 8)
    contents = [path.read_bytes() for path in files]
    assert len(files) == len(set(contents)) == len(list(tmp_path.rglob("*.jpg"))) == 8
    shown = [decode(content, (16, 16)) for content in contents]
    np.testing.assert_array_equal(shown[0], shown[3])
    assert multiply_photos(tmp_path, 2) == sorted(tmp_path.rglob("*.jpg"))


def test_a_worker_that_hangs_is_ended(tmp_path):
    with (
        Worker("benchmarks.gpu.decoding_worker", limit=0.01) as worker,
        pytest.raises(RuntimeError, match="ended at 'open'"),
    ):
        worker.ask("open", folder=str(tmp_path))


def test_time_is_up():
    assert Clock(0).is_over
    assert not Clock(1).is_over


def test_a_program_that_fails_leaves_its_last_line(tmp_path):
    one = {**measured(), "backbone": "resnet5"}
    found = measure_command(one, tmp_path)
    assert "unknown backbone 'resnet5'" in found["failed"]


def test_the_gpu_is_described_by_nvidia_smi(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'A 1, 570.1, 80 MiB, 7 W, 9 MHz'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert describe_gpu() == {
        "name": "A 1",
        "driver": "570.1",
        "memory": "80 MiB",
        "power_limit": "7 W",
        "most_clock": "9 MHz",
    }
    program.write_text("#!/bin/sh\necho 'No devices were found'\nexit 6\n")
    assert describe_gpu() is None
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert describe_gpu() is None


def test_versions_are_of_what_is_installed():
    assert versions(("numpy", "no-such-package")).keys() == {"python", "numpy"}


@pytest.mark.slow
def test_a_tiny_run_writes_both_files(tmp_path, capsys):
    backbone = "mobilenet-0.25"
    main(
        [
            *("--backbones", backbone, "--precisions", "float32", "float16"),
            *("--images", "24", "--image-size", "64", "--batch-size", "8"),
            *("--repeats", "1", "--seconds", "0.05", "--pass-seconds", "0.5"),
            *("--minutes", "3", "--out", str(tmp_path)),
        ]
    )
    written = json.loads((tmp_path / "gpu.json").read_text())
    one, other = written["backbones"]
    assert one["limit"] == min(one["decoding"], one["medians"]["featx"]["host"]) > 0
    assert one["shares"].keys() >= {"device/matmul", "steady, processes/limit"}
    assert one["repeats"][0]["featx"]["auto"]["images"] in range(8, 25, 8)
    assert one["command"]["seconds"] > max(one["start_up"].values())
    assert {one["where"] for one in written["decoding"]["sides"]["64"]} == {
        "threads",
        "processes",
    }
    assert "float16" in other["precision"]
    assert "computes in float32" in other["skipped"]
    assert (tmp_path / "gpu.md").read_text() == markdown(written)
    assert markdown(written) in capsys.readouterr().out
