"""A run as the Keras model that is exported."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from featx.embeddings.backbones.extractor import KerasExtractor
from featx.embeddings.dataset import in_float32
from featx.export.description import OUTPUT
from featx.export.resizing import to_square
from featx.export.settings import ExportSettings
from featx.finetuning.joined_model import join
from featx.frameworks import import_keras
from featx.images.sources import View
from featx.runs.run import Run

if TYPE_CHECKING:
    import keras

PHOTOS = "photos"
"""Name of the input of models that resize."""


def build(run: Run, extractors: Sequence[KerasExtractor]) -> "keras.Model":
    """Return a run as a model of squares, its output named.

    With one input, it takes an array and not a list.
    """
    keras = import_keras()
    if extractors:
        model = join(in_float32(extractors), run.load_head().to_keras).model
    else:
        model = run.load_model()
    (output,) = model.outputs
    if model.output_names != [OUTPUT]:
        output = keras.layers.Identity(name=OUTPUT, dtype="float32")(output)
    inputs = model.inputs if len(model.inputs) > 1 else model.inputs[0]
    return keras.Model(inputs, output, name=model.name)


def present(
    model: "keras.Model", views: Mapping[str, View], settings: ExportSettings
) -> "keras.Model":
    """Return the model with the inputs that the settings ask for.

    Parameters
    ----------
    model : keras.Model
        Of squares, as `build` returns it.
    views : Mapping
        By the names of its inputs.
    settings : ExportSettings
    """
    keras, batch = import_keras(), settings.batch_size
    if settings.with_resize:
        shape = (batch, None, None, 3)
        inputs = [keras.Input(batch_shape=shape, dtype="uint8", name=PHOTOS)]
        squares = [
            to_square(inputs[0], view.side, view.resize) for view in views.values()
        ]
    elif batch is not None:
        inputs = squares = [
            keras.Input(
                batch_shape=(batch, *one.shape[1:]), dtype=one.dtype, name=one.name
            )
            for one in model.inputs
        ]
    else:
        return model
    found = model(squares if len(squares) > 1 else squares[0])
    found = keras.layers.Identity(name=OUTPUT, dtype="float32")(found)
    given = inputs if len(inputs) > 1 else inputs[0]
    return keras.Model(given, found, name=model.name)
