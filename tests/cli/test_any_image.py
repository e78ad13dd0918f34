"""`featx extract` on every kind of image that people have, and on what is none."""

import csv
import json
import subprocess

import numpy as np
import pytest

from featx.embeddings.cache.store import EmbeddingCache
from featx.embeddings.spec import Spec
from featx.images.digests import digest_files
from tests.cli.conftest import WITH_FEW_RIGHTS, WITHOUT_FRAMEWORKS
from tests.images.zoo import as_documented, write_bad, write_good

pytestmark = pytest.mark.slow  # its two processes compute everything that is here

BACKBONE = ("--backbone", "mobilenet-0.25", "--image-size", "32", "--weights", "random")


class Extracted:
    """What two runs said of a folder with everything in it."""

    def __init__(self, root):
        self.root, self.cache = root, root / "cache"
        self.data = root / "data"
        for name in ("good", "twins"):
            (self.data / name).mkdir(parents=True)
        self.good = write_good(self.data / "good")
        # What each of them shows, by Pillow alone, as a PNG.
        self.twins = [self.data / "twins" / f"{i}.png" for i in range(len(self.good))]
        for path, twin in zip(self.good, self.twins, strict=True):
            as_documented(path).save(twin)
        self.bad = write_bad(self.data / "good")
        words = ["extract", str(self.data), *BACKBONE, "--cache-dir", str(self.cache)]
        self.first = self.run("-m", "featx", *words, "--batch-size", "7")
        self.folder = next(self.cache.glob("mobilenet*"))
        self.listed = (self.folder / "quarantine.csv").read_bytes()
        script = WITHOUT_FRAMEWORKS.format(words=[*words, "--json"])
        self.second = self.run("-c", script)

    def run(self, *words):
        return subprocess.run(
            [*WITH_FEW_RIGHTS, *words],
            capture_output=True,
            errors="surrogateescape",
            timeout=120,
            check=False,
        )


@pytest.fixture(scope="module")
def extracted(tmp_path_factory):
    return Extracted(tmp_path_factory.mktemp("any"))


def test_the_others_go_on(extracted):
    assert extracted.first.returncode == 0, extracted.first.stderr
    contents = {path.read_bytes() for path in extracted.good + extracted.twins}
    assert f"  {len(contents)} computed" in extracted.first.stdout
    listed = f"0 in the cache, {len(extracted.bad)} unreadable"
    assert listed in extracted.first.stdout
    for line in extracted.first.stderr.splitlines():
        known = ("note: ", "next: ", "mobilenet-0.25 at 32 pixels: ")
        assert line.startswith(known), line


def test_each_reason_says_what_to_do(extracted):
    text = extracted.listed.decode(errors="surrogateescape")
    header, *lines = csv.reader(text.splitlines())
    assert header == ["path", "digest", "reason"]
    found = {path: reason for path, _, reason in lines}
    assert set(found) == {str(path) for path in extracted.bad}
    for path, part in extracted.bad.items():
        assert part in found[str(path)]
        assert "; " in found[str(path)], "what to do"


def test_every_row_is_that_of_its_picture(extracted):
    spec = json.loads((extracted.folder / "spec.json").read_text())
    cache = EmbeddingCache(extracted.cache, Spec.from_dict(spec))
    rows, found = cache.read(digest_files(extracted.good).keys)
    expected, there = cache.read(digest_files(extracted.twins).keys)
    assert found.all()
    assert there.all()
    assert len(np.unique(expected, axis=0)) == len(expected)
    errors = np.linalg.norm(rows - expected, axis=1) / np.linalg.norm(expected, axis=1)
    assert dict(zip(extracted.good, errors.round(6), strict=True)) == dict.fromkeys(
        extracted.good, 0
    )


def test_a_second_run_tries_none_again_and_imports_no_framework(extracted):
    assert extracted.second.returncode == 0, extracted.second.stderr
    (done,) = json.loads(extracted.second.stdout)["embeddings"]
    assert (done["computed"], done["cached"]) == (0, 2 * len(extracted.good))
    assert set(done["unreadable"]) == {
        path.relative_to(extracted.data).as_posix() for path in extracted.bad
    }
    assert (extracted.folder / "quarantine.csv").read_bytes() == extracted.listed
