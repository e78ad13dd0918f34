"""`featx cache`: what users see of listing, verifying, pruning and exporting."""

import json
import os
import shutil
import subprocess
import sys

import h5py
import numpy as np
import portalocker
import pytest
from click.testing import CliRunner

from featx.cli.main import main
from tests.cli.conftest import WITHOUT_FRAMEWORKS, run_process
from tests.cli.test_errors import assert_one_line
from tests.conftest import make_colours
from tests.embeddings.cache.test_store import reseal

BACKBONE = (
    *("--backbone", "mobilenet-0.25", "--weights", "random"),
    *("--image-size", 32, "--precision", "float32"),
)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project whose images are in the cache; not to be changed."""
    folder = tmp_path_factory.mktemp("project")
    make_colours(folder / "data", size=(40, 40))
    words = ["extract", str(folder / "data"), "--cache-dir", str(folder / "cache")]
    done = CliRunner().invoke(main, [*words, *map(str, BACKBONE)])
    assert done.exit_code == 0, done.stderr
    (folder / "cache" / "last-extracted.json").unlink()  # it names this folder
    return folder


@pytest.fixture
def filled(run, project, tmp_path, monkeypatch):
    """A copy of that project to work in."""
    monkeypatch.chdir(shutil.copytree(project, tmp_path / "copy"))
    assert "0 computed" in run("extract", *BACKBONE).stdout
    return tmp_path / "copy"


def part_of(work):
    (part,) = (work / "cache").glob("*/part-*.h5")
    return part


def damage(part):
    content = bytearray(part.read_bytes())
    with h5py.File(part) as file:
        rows = file["embedding"][:]
    content[content.index(rows.tobytes()[:64])] ^= 1
    part.write_bytes(content)


def change(part):
    """Put other embeddings into a part, with right checksums."""
    with h5py.File(part, "r+") as file:
        file["embedding"][...] = file["embedding"][:] * 1.5
    reseal(part)


def test_the_group_says_what_there_is(work):
    done = run_process("cache", cwd=work)
    commands = [line.split()[0] for line in done.stderr.splitlines()[-4:]]
    assert commands == ["list", "verify", "prune", "export"]


def test_list(run, filled):
    run("extract", *BACKBONE, "--flip")
    done = run("cache", "list")
    assert done.exit_code == 0
    assert done.stderr == ""
    assert "mobilenet-0.25@32" in done.stdout
    assert "just now" in done.stdout
    assert "2 folders, cache/*-SPEC: 72 embeddings, " in done.stdout
    one, two = json.loads(run("cache", "list", "--json").stdout)
    assert one["spec"]["backbone"] == "mobilenet-0.25"
    assert [one["spec"]["flip"], two["spec"]["flip"]] == [False, True]
    for holding in (one, two):
        assert holding["rows"] == 36
        folder = filled / holding["folder"]
        files = [path.stat().st_size for path in folder.iterdir()]
        assert holding["bytes"] == sum(files)


@pytest.mark.parametrize(
    ("seconds", "age"),
    [
        (30, "just now"),
        (90, "1 minute"),
        (7200, "2 hours"),
        (3 * 86400, "3 days"),
        (40 * 86400, "1 month"),
        (800 * 86400, "2 years"),
    ],
)
def test_ages_are_in_words(run, filled, seconds, age):
    part = part_of(filled)
    then = part.stat().st_mtime - seconds
    os.utime(part, (then, then))
    assert f" {age} " in run("cache", "list").stdout


def test_an_empty_cache_and_none(run, work):
    for command in ("list", "verify", "prune"):
        done = run("cache", command)
        assert done.exit_code == 1
        assert "no such folder; `featx extract" in done.stderr.splitlines()[-1]
    (work / "cache").mkdir()
    assert "cache is empty; `featx extract" in run("cache", "list").stdout
    assert run("cache", "verify").exit_code == 0
    assert_one_line(
        run("cache", "prune"), "no data folder is recorded", "prune DATA..."
    )
    assert "the cache is empty" in run("cache", "prune", "data").stdout


def test_a_sample_has_no_negative_seed(run, filled):
    done = run("cache", "verify", "--seed", -1)
    assert done.exit_code == 2
    assert "--seed" in done.stderr


def test_odd_folders_are_noted(run, filled):
    (filled / "cache" / "holiday").mkdir()
    broken = part_of(filled).parent / "spec.json"
    broken.write_text("{")
    done = run("cache", "list")
    assert done.exit_code == 0
    assert "note: cache/holiday: not a folder of featx's" in done.stderr
    assert "spec.json is damaged" in done.stderr
    done = run("cache", "verify")
    assert done.exit_code == 1
    assert "spec.json is damaged" in done.stderr.splitlines()[-1]
    assert run("cache", "prune").exit_code == 0
    assert broken.exists()


def test_verify_a_sound_cache(run, filled):
    run("extract", *BACKBONE, "--flip")
    done = run("cache", "verify", "--sample", 5)
    assert done.exit_code == 0, done.stderr
    assert "checksums of 2 files: ok" in done.stdout
    found = json.loads(run("cache", "verify", "--sample", 5, "--json").stdout)
    assert [one["compared"] for one in found] == [5, 5]
    for one in found:
        assert one["ok"]
        assert one["largest_difference"] <= one["tolerance"] == 1e-3
        assert one["mean_cosine"] == pytest.approx(1, abs=1e-6)


def test_a_damaged_part_is_set_aside_and_computed_again(run, filled):
    part = part_of(filled)
    damage(part)
    done = run("cache", "verify")
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1] == (
        "featx: error: 1 damaged file: `featx extract` computes the images again"
    )
    assert f"set aside as damaged-{part.name}" in done.stderr
    assert "damaged" in done.stdout
    assert "1 damaged part is set aside" in run("cache", "list").stderr
    assert "36 computed" in run("extract", *BACKBONE).stdout
    assert run("cache", "verify").exit_code == 0
    planned = json.loads(run("cache", "prune", "--dry-run", "--json").stdout)
    aside = filled / "cache" / ".aside-left.json"  # of a killed process
    aside.write_text("{")
    lines = run("cache", "prune").stdout.splitlines()
    assert "dropped 0 embeddings, freed" in lines[-1]
    assert lines[-2].startswith("2 unusable files (damaged, or left by a killed")
    for name in (f"damaged-{part.name}", aside.name):
        assert name in lines[-2]
        assert not list((filled / "cache").rglob(name))
    (name,) = planned["files"]
    assert name.endswith(f"/damaged-{part.name}")
    assert run("cache", "list").stderr == ""


def test_a_part_of_a_newer_featx_is_an_error(run, filled):
    part = part_of(filled)
    with h5py.File(part, "r+") as file:
        file.attrs["version"] = 3
    part = reseal(part)
    for words in (("extract", *BACKBONE), ("fit", "--head", "lda")):
        assert_one_line(run(*words), "a newer featx wrote it", "upgrade featx")
    done = run("cache", "verify")
    assert done.exit_code == 1
    assert "upgrade featx" in done.stderr.splitlines()[-1]
    assert "upgrade featx" in run("cache", "list").stderr
    (filled / "data" / "train" / "red" / "000.png").unlink()
    done = run("cache", "prune")
    assert done.exit_code == 0
    assert "upgrade featx" in done.stderr
    assert part.exists()


def test_prune_asks_for_the_folders_where_they_were_lost(run, filled):
    make_colours(filled / "more", train=3, test=3, size=(41, 40))
    (filled / "cache" / "last-extracted.json").write_text("{")
    run("extract", "more", *BACKBONE)
    assert_one_line(run("cache", "prune"), "damaged", "featx cache prune DATA...")
    assert run("cache", "prune", "data", "more").exit_code == 0
    assert "nothing to drop" in run("cache", "prune").stdout
    assert "0 computed" in run("extract", *BACKBONE).stdout


def test_embeddings_that_differ_are_told(run, filled):
    change(part_of(filled))
    done = run("cache", "verify", "--json")
    assert done.exit_code == 1
    assert "isn't what is computed now: delete that folder" in done.stderr
    (found,) = json.loads(done.stdout)
    assert not found["ok"]
    assert found["largest_difference"] == pytest.approx(1 / 3, rel=1e-3)
    assert "differs" in run("cache", "verify").stdout
    assert run("cache", "verify", "--sample", 0).exit_code == 0
    with h5py.File(part_of(filled), "r+") as file:
        file["embedding"][...] = np.inf
    (found,) = json.loads(run("cache", "verify", "--json").stdout)
    assert (found["largest_difference"], found["ok"]) == (None, False)


def test_without_data_only_checksums(run, filled):
    (filled / "data").rename(filled / "photos")
    done = run("cache", "verify")
    assert done.exit_code == 0
    assert "note: no folder data, so only checksums" in done.stderr
    assert "checksums of 1 file: ok" in done.stdout
    assert_one_line(run("cache", "verify", "data"), "no such folder")
    assert json.loads(run("cache", "verify", "photos", "--json").stdout)[0]["compared"]


def test_what_cannot_be_computed_here_is_no_failure(run, filled):
    other = make_colours(filled / "other", train=2, test=1, size=(41, 40))
    done = run("cache", "verify", other)
    assert done.exit_code == 0
    assert "not computed again: it has none of the images in" in done.stderr
    weights = filled / "mine.weights.h5"
    weights.write_text("x")
    assert_one_line(run("cache", "verify", "--weights", "none.h5"), "no such file")
    folder = part_of(filled).parent
    spec = json.loads((folder / "spec.json").read_text())
    from featx.embeddings.spec import Spec

    foreign = Spec(**{**spec, "weights": "file", "weights_id": "ab" * 32})
    moved = folder.with_name(foreign.folder_name)
    folder.rename(moved)
    (moved / "spec.json").write_text(json.dumps(foreign.as_dict()))
    with h5py.File(part_of(filled), "r+") as file:
        file.attrs["spec"] = np.bytes_(foreign.id)
    reseal(part_of(filled))
    done = run("cache", "verify")
    assert done.exit_code == 0, done.stderr
    assert "weights of SHA-256 abababab...: name their file by --weights" in done.stderr
    done = run("cache", "verify", "--weights", weights)
    assert "none of the files given by --weights" in done.stderr


def test_prune_drops_what_no_data_set_uses(run, filled):
    make_colours(filled / "more", train=3, test=3, size=(41, 40))
    run("extract", "more", *BACKBONE)
    assert "nothing to drop: all of it is used" in run("cache", "prune").stdout
    gone = sorted((filled / "data" / "train" / "red").glob("*.png"))[:3]
    for path in gone:
        path.unlink()
    planned = run("cache", "prune", "--dry-run")
    assert planned.exit_code == 0
    assert "would drop 3 embeddings and free about" in planned.stdout
    assert "nothing was changed" in planned.stdout
    assert f"keeps what is in {filled / 'data'}: 33 images" in planned.stdout
    planned = json.loads(run("cache", "prune", "--dry-run", "--json").stdout)
    done = json.loads(run("cache", "prune", "--json").stdout)
    assert (planned.pop("dry_run"), done.pop("dry_run")) == (True, False)
    for one in (*planned["specs"], *done["specs"]):
        assert one.pop("freed_bytes") > 0
    assert planned == done
    assert done["data"] == {str(filled / "data"): 33, str(filled / "more"): 18}
    assert "0 computed, 33 in the cache" in run("extract", *BACKBONE).stdout
    assert "dropped 33 embeddings" in run("cache", "prune", "more").stdout
    assert "0 computed, 18 in the cache" in run("extract", "more", *BACKBONE).stdout
    assert "33 computed" in run("extract", *BACKBONE).stdout


def test_prune_removes_a_spec_whole(run, filled):
    folder = part_of(filled).parent
    make_colours(filled / "more", train=3, test=3, size=(41, 40))
    done = json.loads(run("cache", "prune", "more", "--json").stdout)
    assert done["specs"][0]["removed"]
    assert not folder.exists()


def test_prune_removes_converted_models_with_their_last_spec(run, filled):
    from featx.embeddings.cache.models import model_path
    from featx.embeddings.spec import Spec

    spec = Spec.from_dict(
        json.loads((part_of(filled).parent / "spec.json").read_text())
    )
    model = model_path(filled / "cache", spec)
    model.parent.mkdir()
    model.write_bytes(b"x" * 5000)
    other = model.with_name("other-64-0123456789.tflite")
    other.write_bytes(b"x" * 3000)
    planned = run("cache", "prune", "--dry-run")
    assert "1 converted model that no embeddings need any more" in planned.stdout
    assert "would drop 0 embeddings and free about 3 kB" in planned.stdout
    assert other.exists()
    done = json.loads(run("cache", "prune", "--json").stdout)
    assert done["models"] == [str(other.relative_to(filled))]
    assert (model.exists(), other.exists()) == (True, False)
    assert "nothing to drop" in run("cache", "prune").stdout
    make_colours(filled / "more", train=3, test=3, size=(41, 40))
    run("cache", "prune", "more")
    assert not model.exists()


def test_prune_knows_what_was_used_without_being_extracted(run, filled):
    (filled / "cache" / "last-extracted.json").unlink()
    assert run("cache", "export", *BACKBONE, "--out", "a.npz").exit_code == 0
    assert "36 images" in run("cache", "prune").stdout
    assert "0 computed" in run("extract", *BACKBONE).stdout


def test_prune_refuses_where_it_cannot_see_all(run, filled):
    before = part_of(filled).read_bytes()
    shutil.move(filled / "data", filled / "away")
    done = run("cache", "prune")
    assert_one_line(done, f"{filled / 'data'}: extracted before, but not there now")
    assert "name the folders to keep" in done.stderr
    (filled / "data").mkdir()
    assert_one_line(run("cache", "prune"), "no images in it now; is its disk mounted?")
    (filled / "data").rmdir()
    shutil.move(filled / "away", filled / "data")
    for name in ("data/train/more", "data/train/red/a.png"):
        (filled / name).symlink_to("/nowhere")
        done = run("cache", "prune", "data")
        assert done.exit_code == 1
        assert f"{name}: broken link; fix" in done.stderr.splitlines()[-1]
        (filled / name).unlink()
    pipe = filled / "data" / "train" / "red" / "pipe.png"
    os.mkfifo(pipe)
    done = run("cache", "prune", "data")
    assert done.exit_code == 1
    assert "the embeddings of 1 image that can't be read" in done.stderr
    pipe.unlink()
    (filled / "data" / "train" / "again").symlink_to("..")  # leads back: no matter
    assert_one_line(run("cache", "prune", "none"), "none: no such folder")
    assert part_of(filled).read_bytes() == before
    assert run("cache", "prune").exit_code == 0


def test_named_folders_say_what_there_is(run, filled):
    make_colours(filled / "more", train=3, test=3, size=(41, 40))
    run("extract", "more", *BACKBONE)
    shutil.rmtree(filled / "data")
    assert run("cache", "prune").exit_code == 1
    assert "36" in run("cache", "prune", "more", "--dry-run").stdout
    assert run("cache", "prune").exit_code == 1
    assert run("cache", "prune", "more").exit_code == 0
    assert run("cache", "prune").exit_code == 0


def test_a_folder_in_use_is_left_and_told(run, filled):
    (filled / "data" / "train" / "red" / "000.png").unlink()
    part = part_of(filled)
    with (part.parent / "lock").open("a+") as other:
        portalocker.lock(other, portalocker.LockFlags.SHARED)
        done = run("cache", "prune")
        assert done.exit_code == 0
        assert "in use" in done.stdout
        assert json.loads(run("cache", "prune", "--json").stdout)["specs"][0]["in_use"]
    assert part.exists()


def test_export(run, filled):
    done = run("cache", "export", "--out", "out.npz")
    assert done.exit_code == 0, done.stderr
    assert "24 training and 12 test images, 3 classes" in done.stdout
    assert "mobilenet-0.25 (random weights)\n256 numbers an image\n" in done.stdout
    with np.load("out.npz", allow_pickle=False) as file:
        assert file["embedding"].shape == (36, 256)
    words = ("--out", "out.h5", "--test-size", 0.4, "--seed", 1, "--flip", "--json")
    done = json.loads(run("cache", "export", "data/train", *BACKBONE, *words).stdout)
    assert (done["images"], done["n_test"], done["mirrored"]) == (24, 10, True)
    with h5py.File("out.h5") as file:
        assert file["mirrored"].shape == (24, 256)
    assert_one_line(run("cache", "export", "--out", "out.csv"), ".npz, .parquet")
    assert run("cache", "export").exit_code == 2


@pytest.mark.parametrize(
    "words",
    [("list",), ("prune",), ("verify", "--sample", "0"), ("export", "--out", "a.npz")],
)
def test_what_is_cached_needs_no_framework(run, filled, words):
    script = WITHOUT_FRAMEWORKS.format(words=["cache", *words])
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_lines_fit_a_terminal_of_80_columns(run, filled):
    run("extract", *BACKBONE, "--flip")
    lines = run("cache", "list").stdout.splitlines()
    lines += run("cache", "verify").stdout.splitlines()
    lines += run("cache", "prune").stdout.splitlines()[1:]  # the first is a path
    for command in main.commands["cache"].commands:
        lines += run("cache", command, "--help").stdout.splitlines()
    assert [line for line in lines if len(line) > 80] == []
