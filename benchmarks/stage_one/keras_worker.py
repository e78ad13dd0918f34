"""Keras by turns: what one would write without featx."""

import time
from typing import Any

import keras
import tensorflow as tf

from benchmarks.arithmetic import operations_per_image
from benchmarks.turns import serve
from featx.embeddings.backbones import efficientnet_lite


class KerasWorker:
    """Predicts, with one backbone."""

    def open(
        self,
        builder: str,
        module: str,
        alpha: float | None,
        image_size: int,
        weights: str,
        folder: str,
    ) -> dict[str, Any]:
        """Load the model and run it once; count its operations."""
        self._folder, self._size = folder, image_size
        # Keras has no EfficientNet-Lite; featx builds it of Keras' layers.
        is_lite = module == "efficientnet_lite"
        networks = efficientnet_lite if is_lite else keras.applications
        functions = networks if is_lite else getattr(networks, module)
        self._preprocess = functions.preprocess_input
        width = {} if alpha is None else {"alpha": alpha}
        self._model = getattr(networks, builder)(
            include_top=False,
            pooling="avg",
            input_shape=(image_size, image_size, 3),
            weights="imagenet" if weights == "imagenet" and not is_lite else None,
            **width,
        )
        self._model.predict(self._half(0).take(2), verbose=0)
        return {"operations": operations_per_image(self._model)}

    def end_to_end(self, half: int) -> dict[str, float]:
        """Predict the first or second half of the folder; the model is loaded."""
        start = time.perf_counter()
        rows = self._model.predict(self._half(half), verbose=0)
        return {"images": len(rows), "seconds": time.perf_counter() - start}

    def _half(self, half: int):
        dataset = keras.utils.image_dataset_from_directory(
            self._folder,
            label_mode=None,
            image_size=(self._size, self._size),
            batch_size=32,
            shuffle=False,
            validation_split=0.5,
            subset=("training", "validation")[half],
            verbose=False,
        )
        # As TensorFlow's guides have it: prepared in parallel, ahead of the model.
        prepared = dataset.map(self._preprocess, num_parallel_calls=tf.data.AUTOTUNE)
        return prepared.prefetch(tf.data.AUTOTUNE)


if __name__ == "__main__":
    serve(KerasWorker())
