"""A head's Keras layers give its probabilities, and can be saved and trained."""

import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import xgboost

from featx.errors import HeadError
from featx.frameworks import import_keras, import_tensorflow
from featx.heads.layers import HEAD_LAYER, Mixture
from featx.heads.table import HEADS, make_head
from tests.heads.blobs import make_blobs

EXACT = sorted({*HEADS, "sklearn.linear_model.RidgeClassifier"} - {"svm-rbf"})
COURSEWORKS = (
    "768,bn,dropout0.25,512,dropout0.25",
    "128,dropout0.5,128,bn,dropout0.5",
    "1024,dropout0.5,512",
    "128",
)
FEW_EPOCHS = {
    "softmax": {"epochs": 3},
    "mlp": {"epochs": 3, "hidden": "24,bn,dropout0.5,8"},
    "conv": {"epochs": 3, "map_shape": (2, 3, 8), "hidden": "16"},
    "gboost": {"rounds": 20},
}


def activations(counts, width=48, *, scale=1.0, seed=0):
    """Return rows like pooled activations: not negative, many of them zero."""
    X, y = make_blobs(counts, width=width, apart=6, seed=seed)
    return np.maximum(X, 0) * np.float32(scale), y


def fitted(name, X, y, **parameters):
    return make_head(name, **FEW_EPOCHS.get(name, {}), **parameters).fit(X, y)


def grafted(head, dtype="float32"):
    keras = import_keras()
    embedding = keras.Input((head.n_features_in_,), dtype=dtype)
    return keras.Model(embedding, head.to_keras(embedding))


def difference(head, X):
    found = np.asarray(grafted(head)(X))
    assert found.dtype == np.float32
    return np.abs(found - head.predict_proba(X)).max()


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("labels", [["zebra", "ant"], ["c", "a", "b"]], ids=len)
def test_probabilities_are_the_heads(name, labels):
    X, y = activations([20] * len(labels))
    head = fitted(name, X, np.array(labels)[y])
    unseen, _ = activations([9] * len(labels), seed=1)
    assert difference(head, unseen) < 1e-4
    assert difference(head, unseen.astype(np.float64)) < 1e-4


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("scale", [1e-11, 1e6])
def test_the_scale_of_the_features_does_not_matter(name, scale):
    X, y = activations([15, 15, 15], scale=scale)
    head = fitted(name, X, y)
    assert difference(head, X) < 1e-4


@pytest.mark.parametrize("name", ["lda", "svm", "softmax"])
def test_hundreds_of_classes(name):
    X, y = activations([4] * 200, width=256)
    head = fitted(name, X, y)
    head.temperature_ = {"svm": 1e-3, "softmax": 1e-2}.get(name, 0.1)
    unseen, _ = activations([2] * 200, width=256, seed=1)
    assert np.abs(head._logits(unseen)).max() / head.temperature_ > 100
    assert difference(head, unseen) < 1e-3


@pytest.mark.parametrize("hidden", COURSEWORKS)
def test_the_courseworks_layers(hidden):
    X, y = activations([20, 20, 20])
    head = make_head("mlp", hidden=hidden, epochs=2).fit(X, y)
    model = grafted(head)
    kinds = [type(layer).__name__ for layer in model.layers[1:-1]]
    words = {"b": "BatchNormalization", "d": "Dropout"}
    assert kinds == [words.get(word[0], "Dense") for word in hidden.split(",")]
    assert difference(head, X) < 1e-4
    again = make_head("mlp", hidden=hidden, epochs=2).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), head.predict_proba(X))


def test_other_precisions_are_taken_in():
    X, y = activations([20, 20])
    head = fitted("lda", X, y)
    found = grafted(head, "float16")(X.astype(np.float16))
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, head.predict_proba(X), atol=0.02)


@pytest.mark.parametrize("name", EXACT)
def test_a_saved_model_holds_keras_own_layers_only(name, tmp_path):
    X, y = activations([20, 20, 20])
    model = grafted(fitted(name, X, y))
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        config = json.loads(archive.read("config.json"))
    text = json.dumps(config)
    assert "featx" not in text
    assert "Lambda" not in text
    loaded = import_keras().saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded(X), model(X))
    last = loaded.get_layer(HEAD_LAYER)
    assert last is loaded.layers[-1]
    assert last.get_config()["activation"] == "softmax"


@pytest.mark.slow
@pytest.mark.parametrize("name", EXACT)
def test_plain_keras_loads_it_without_featx(name, tmp_path):
    X, y = activations([20, 20, 20])
    model = grafted(fitted(name, X, y))
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "X.npy", X)
    script = (
        "import sys, keras, numpy as np\n"
        "model = keras.saving.load_model('model.keras', safe_mode=True)\n"
        "np.save('p.npy', model(np.load('X.npy')))\n"
        "assert not [m for m in sys.modules if m.startswith('featx')]\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    np.testing.assert_allclose(np.load(tmp_path / "p.npy"), model(X), atol=1e-6)


@pytest.mark.parametrize("name", ["lda", "mlp"])
def test_training_through_it_gives_no_nan(name):
    tf = import_tensorflow()
    X, y = activations([10, 10, 10])
    X[:, :5] = 0  # as ReLU leaves them, and so the gradient of a root is infinite
    model = grafted(fitted(name, X, y))
    with tf.GradientTape() as tape:
        rows = tf.constant(X)
        tape.watch(rows)
        losses = tf.keras.losses.sparse_categorical_crossentropy(
            y, model(rows, training=True)
        )
    gradients = tape.gradient(losses, [rows, *model.trainable_variables])
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    assert all(np.abs(gradient).max() > 0 for gradient in gradients[1:])


@pytest.mark.parametrize("count", [2, 5])
@pytest.mark.parametrize("depth", [1, 4])
def test_trees_of_all_shapes(count, depth):
    X, y = activations([12] * count)
    head = make_head("gboost", rounds=15, max_depth=depth).fit(X, y)
    head.temperature_ = 0.3
    trees, dense = head._layers()
    assert trees.leaves.shape == (15 * (1 if count == 2 else 5), 2**depth)
    unseen, _ = activations([40] * count, seed=1)
    scores = dense(trees(unseen))
    expected = head.logits(unseen) / head.temperature_
    centred = expected - expected.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(scores, centred, atol=1e-5)
    assert difference(head, unseen) < 1e-6


@pytest.mark.parametrize("count", [2, 3])
def test_boosters_of_older_heads_predict_as_they_did(count):
    """Until 0.2, a head held XGBoost's classifier, stopped early."""
    X, y = activations([30] * count)
    y[::3] = (y[::3] + 1) % count  # noise that is soon learnt by heart
    classifier = xgboost.XGBClassifier(
        n_estimators=200, max_depth=3, learning_rate=0.5, early_stopping_rounds=3
    ).fit(X[::2], y[::2], eval_set=[(X[1::2], y[1::2])], verbose=0)
    assert classifier.best_iteration < 100
    raw = np.frombuffer(classifier.get_booster().save_raw("ubj"), np.uint8)
    head = make_head("gboost")
    learned = {"classes_": np.arange(count), "n_features_in_": 48, "model_": raw}
    head.set_learned(learned)
    unseen, _ = activations([40] * count, seed=1)
    expected = classifier.predict_proba(unseen)
    np.testing.assert_allclose(head.predict_proba(unseen), expected, atol=1e-6)
    assert "model_" not in head.get_learned()
    assert difference(head, unseen) < 1e-6


@pytest.mark.parametrize("name", ["svm-rbf", "sklearn.tree.DecisionTreeClassifier"])
def test_heads_without_layers_say_so(name):
    head = fitted(name, *activations([9, 9]))
    assert not head.has_keras_layers
    assert not head.can_be_trained_further
    with pytest.raises(HeadError, match=name):
        grafted(head)


@pytest.mark.parametrize("name", ["knn", "kmeans"])
def test_heads_whose_layers_are_not_trained_further(name):
    head = fitted(name, *activations([9, 9]))
    assert head.has_keras_layers
    assert not head.can_be_trained_further


def test_the_nearest_components_count_alone():
    kinds, shares = np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8]])
    scores = np.array([[3.0, 2.0, 1.0], [0.0, 4.0, 4.0]])
    for nearest, used in ((None, slice(3)), (2, slice(2))):
        found = Mixture(kinds, shares, nearest)(scores)
        weights = np.exp(scores[0, used])
        expected = weights @ shares[kinds[used]] / weights.sum()
        odds = expected[0] / expected[1]
        assert np.exp(found[0, 0] - found[0, 1]) == pytest.approx(odds)


def test_another_width_is_refused():
    X, y = activations([20, 20])
    head = make_head("lda").fit(X, y)
    with pytest.raises(
        HeadError, match=r"of width 48, got a tensor of shape \(None, 47\)"
    ):
        head.to_keras(import_keras().Input((47,)))
