"""What `test_other_backends.py` runs on each of Keras' backends, to be compared.

``python -m tests.on_a_backend SAMPLES FOLDER``: what is computed from the real images
in SAMPLES lands in FOLDER.
"""

import contextlib
import io
import json
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from featx.cli.main import main
from featx.embeddings.backbones.extractor import find_extractor
from featx.heads.table import make_head
from featx.images.decoding import decode
from featx.keras_backend import keras_backend
from tests.heads.blobs import make_blobs

BACKBONES = ("mobilenetv2-0.35", "mobilenet-0.25", "efficientnetlite0")
"""Those whose real weights tests may use, of three families."""

HEADS = {
    "softmax": {"epochs": 40},
    "mlp": {"epochs": 20, "hidden": "24,bn,8", "batch_size": 128},
    "conv": {"epochs": 20, "map_shape": (2, 3, 8), "batch_size": 128},
}
"""Steps of two sizes with the first, and one step an epoch with the others: XLA takes
seconds to compile each size."""

SIDE = 96
"""Of the images that the program embeds; it is a test of the program, not of speed."""


def embeddings(samples):
    """Return rows of a few photos by real weights, in float32 on Keras' own engine."""
    files = sorted((samples / "dogs-vs-cats").rglob("*.jpg"))[:8]
    images = np.stack([decode(file.read_bytes(), (224, 224)) for file in files])
    for name in BACKBONES:
        extractor = find_extractor(name, precision="float32")
        yield name, replace(extractor, engine=keras_backend()).open()(images)


def probabilities():
    """Return what heads with a network answer after training on drawn rows."""
    X, y = make_blobs([40, 31, 29], width=48, apart=4, seed=0)
    unseen, _ = make_blobs([9, 9, 9], width=48, apart=4, seed=1)
    for name, parameters in HEADS.items():
        head = make_head(name, **parameters).fit(X, y)
        yield name, head.predict_proba(unseen)


def featx(*words):
    """Run a command in this process; return its exit code and what it printed."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([str(word) for word in words])
        except SystemExit as ended:
            return ended.code, out.getvalue(), err.getvalue()


def program(samples, folder):
    """Go the whole way from photos to a page and predictions."""
    data = samples / "dogs-vs-cats"
    cache = ("--cache-dir", folder / "cache")
    out = ("--out-dir", folder / "reports")
    backbone = f"mobilenetv2-0.35@{SIDE}"
    heads = [word for name in ("svm", "lda", "logreg", "softmax")
             for word in ("--head", name)]  # fmt: skip
    # What logreg would choose hangs on the last bits of the embeddings.
    heads += ["--set", "C=0.001"]
    done = [
        featx("inspect", data, *out),
        featx("extract", data, "--backbone", backbone, *cache),
        featx("fit", data, *heads, *cache, *out),
        featx("report", *out),
    ]
    (run,) = (folder / "reports").glob("*softmax")
    photos = data / "test" / "cats"
    done.append(featx("predict", run, photos, *cache, *out, "--csv"))
    (folder / "predictions.csv").write_text(done[-1][1])
    for code, _, errors in done:
        assert code == 0, errors
    if keras_backend() != "tensorflow":
        photo = photos / "cat.4978.jpg"
        done = featx("predict", "--imagenet", "efficientnetlite0", photo)
        (folder / "imagenet.txt").write_text("".join(done[1:]))
        refused = {
            "train": featx("train", data, "--network", "cnn", *out),
            "finetune": featx("finetune", run, *cache, *out),
            "export": featx("export", run, *cache, *out),
        }
        (folder / "refused.json").write_text(json.dumps(refused))


if __name__ == "__main__":
    samples, folder = map(Path, sys.argv[1:])
    np.savez(folder / "embeddings.npz", **dict(embeddings(samples)))
    np.savez(folder / "probabilities.npz", **dict(probabilities()))
    program(samples, folder)
    facts = {
        "backend": keras_backend(),
        "installed": [name for name in ("tensorflow", "jax") if find_spec(name)],
        "imported": [name for name in ("tensorflow", "jax") if name in sys.modules],
    }
    (folder / "facts.json").write_text(json.dumps(facts))
