"""The seam between featx and what computes embeddings.

Stage one knows an `Engine` only: a thing of a width that maps images to rows. Tests
put a fake one there; `TensorFlowEngine` is the real one.
"""

import contextlib
import copy
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from featx.embeddings.backbones.keras_model import build_model
from featx.frameworks import garbage_kept, import_keras, import_tensorflow
from featx.hardware import available_memory

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    from featx.embeddings.backbones.table import Backbone
    from featx.embeddings.backbones.weights import Weights


# Freezing copies the weights several times over: in millions of parameters, what
# stays within a few GiB. ConvNeXt's large matrices take more (XLarge frozen: over
# 24 GiB, unfrozen: 2.4 GB).
_FREEZE_LIMIT = 100.0
_FREEZE_LIMITS = {"convnext": 50.0}

# Larger batches bring nothing more.
_CPU_BATCH, _GPU_BATCH = 32, 256

# Of the memory there is, what the maps of a batch may take: two run at a time.
_MEMORY_SHARE = 0.2

# A map, what it is made of, and what the convolution between them works with.
_LIVE_MAPS = 4


class Engine(Protocol):
    """Maps a batch of images to embeddings."""

    dim: int
    """Width D of an embedding."""

    batch_size: int
    """How many images at a time suit the memory there is."""

    def __call__(self, batch: "NDArray[np.uint8]") -> "NDArray[np.float32]":
        """Embed uint8 (N, height, width, 3), RGB, as float32 (N, D).

        Raises
        ------
        MemoryError
            The batch doesn't fit; a smaller one may.
        """
        ...


class TensorFlowEngine:
    """Runs a Keras model as one TensorFlow graph.

    Frozen to constants, the graph's optimiser folds batch normalisation into the
    convolutions and fuses what follows them: up to three times as fast as
    ``model.predict`` on a CPU.

    Parameters
    ----------
    model : keras.Model
        From uint8 (N, height, width, 3) to (N, D).
    freeze : bool
        Make constants of the weights. It takes memory for several copies of them
        for a while, and later changes of the model's weights aren't seen.

    Attributes
    ----------
    dim : int
        Width D of an embedding.
    batch_size : int
        How many images at a time suit the memory that there was.
    """

    def __init__(self, model: "keras.Model", *, freeze: bool = True) -> None:
        self.dim: int = int(model.output_shape[-1])
        self._shape: tuple[int, ...] = tuple(model.input_shape[1:])
        self._tf = import_tensorflow()
        self._graph = _trace(self._tf, model, freeze=freeze)
        self._bfloat16 = False
        self._first_run = _FirstRun()
        self.batch_size = _suitable_batch(self._tf, self._graph)

    def with_bfloat16(self) -> Self:
        """Return the same graph computed in bfloat16 on the CPU, by oneDNN.

        Sums stay in float32, and so do the operations that oneDNN has no bfloat16 for
        or that need more digits.
        """
        twin = copy.copy(self)
        twin._bfloat16 = True
        twin._first_run = _FirstRun()
        return twin

    def __call__(self, batch: "NDArray[np.uint8]") -> "NDArray[np.float32]":
        """Embed a batch.

        Parameters
        ----------
        batch : ndarray of uint8, shape (N, height, width, 3)
            Images in RGB, of the model's size; N may differ from call to call.

        Returns
        -------
        ndarray of float32, shape (N, D)
            One row per image.

        Raises
        ------
        ValueError
            If the batch is of another size or type.
        MemoryError
            If the batch doesn't fit into memory; a smaller one may.
        """
        if batch.dtype != np.uint8 or batch.shape[1:] != self._shape:
            # A traced graph takes other sizes without a word.
            raise ValueError(
                f"a batch is uint8 (N, {', '.join(map(str, self._shape))}), "
                f"not {batch.dtype} {batch.shape}"
            )
        if len(batch) == 0:  # which the optimised graph can't compute
            return np.empty((0, self.dim), np.float32)
        bfloat16 = self._bfloat16
        arithmetic = (
            _onednn_bfloat16(self._tf) if bfloat16 else contextlib.nullcontext()
        )
        try:
            with arithmetic:
                self._first_run.once(lambda: self._run(batch[:1]))
                return self._run(batch)
        except self._tf.errors.ResourceExhaustedError as error:
            raise MemoryError(f"a batch of {len(batch)} images") from error

    def _run(self, batch: "NDArray[np.uint8]") -> "NDArray[np.float32]":
        (rows,) = self._graph(self._tf.constant(batch, self._tf.uint8))
        return np.asarray(rows.numpy(), dtype=np.float32)


class _FirstRun:
    """Has one thread do what several would do at once otherwise: optimise a graph.

    That happens when a graph runs first, and takes longer than a batch does.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._done = False

    def once(self, run: Callable[[], object]) -> None:
        """Call it unless a call has returned; threads that come meanwhile wait."""
        if not self._done:
            with self._lock:
                if not self._done:
                    run()
                    self._done = True


@contextlib.contextmanager
def _onednn_bfloat16(tf: Any) -> Iterator[None]:
    """Let graphs that this thread runs inside use oneDNN's bfloat16.

    ``tf.config.optimizer`` has the option too, but for the whole process, and threads
    that have run a graph before don't hear of a change: with several, some of them
    would compute the embeddings of one precision in the other.
    """
    from tensorflow.python.eager.context import FunctionCallOptions, context

    before = context().function_call_options
    config = tf.compat.v1.ConfigProto.FromString(before.config_proto_serialized)
    rewriting = config.graph_options.rewrite_options
    rewriting.auto_mixed_precision_onednn_bfloat16 = rewriting.ON
    context().function_call_options = FunctionCallOptions(before.executor_type, config)
    try:
        yield
    finally:
        context().function_call_options = before


def _trace(tf: Any, model: "keras.Model", *, freeze: bool) -> Any:
    """Return the model as a concrete function: one uint8 tensor to a list of one."""
    height, width = model.input_shape[1:3]
    signature = tf.TensorSpec([None, height, width, 3], tf.uint8)
    weights = [(variable, variable.numpy()) for variable in model.variables if freeze]

    def embed(images: Any) -> list[Any]:
        # Traced as constants in the first place: converting a traced graph's variables
        # gives the same and takes four times as long.
        constants = [(variable, tf.constant(value)) for variable, value in weights]
        with import_keras().StatelessScope(state_mapping=constants):
            return [tf.cast(model(images, training=False), tf.float32)]

    graph = tf.function(embed, input_signature=[signature], autograph=False)
    return graph.get_concrete_function()


def _suitable_batch(tf: Any, graph: Any) -> int:
    """Return how many images at a time suit the memory: a power of two."""
    most, memory = _CPU_BATCH, available_memory()
    if tf.config.list_physical_devices("GPU"):
        most, memory = _GPU_BATCH, _gpu_memory()
    fits = int(memory * _MEMORY_SHARE / (_LIVE_MAPS * _largest_map(graph)))
    return 1 << (min(most, max(1, fits)).bit_length() - 1)


def _largest_map(graph: Any) -> int:
    """Return the bytes of an image's largest map on its way through a graph."""
    shapes = (
        output.shape.as_list()
        for operation in graph.graph.get_operations()
        for output in operation.outputs
        if output.shape.rank == 4
    )
    # Weights have no open dimension, maps one: how many images there are.
    maps = [shape[1:] for shape in shapes if shape[0] is None and None not in shape[1:]]
    return max(4 * int(np.prod(sides)) for sides in maps)


def _gpu_memory() -> int:
    """Return the bytes of the first GPU that TensorFlow may take."""
    from tensorflow.python.client import device_lib

    devices = device_lib.list_local_devices()
    return int(max(d.memory_limit for d in devices if d.device_type == "GPU"))


def open_engine(
    backbone: "Backbone",
    weights: "Weights",
    image_size: tuple[int, int],
    pooling: str = "avg",
    *,
    layer: str | None = None,
    policy: str = "float32",
) -> TensorFlowEngine:
    """Build a backbone and make an engine of it.

    Parameters
    ----------
    backbone : Backbone
        The row of the table.
    weights : Weights
        As `featx.embeddings.backbones.weights.resolve_weights` returns them.
    image_size : tuple of int
        Height and width of the images, in pixels.
    pooling : {"avg", "max", "none"}
        How a feature map becomes a row.
    layer : str, optional
        Take this inner layer's output instead of the last one's.
    policy : str
        Keras' dtype policy, like ``mixed_bfloat16``.

    Returns
    -------
    TensorFlowEngine
        On a GPU if TensorFlow finds one, on the CPU otherwise.

    Raises
    ------
    BackboneError, WeightsError
        As `featx.embeddings.backbones.keras_model.build_model` does.
    """
    with garbage_kept():
        model = build_model(
            backbone,
            weights,
            image_size=image_size,
            pooling=pooling,
            layer=layer,
            policy=policy,
        )
        return TensorFlowEngine(model, freeze=is_frozen(backbone))


def is_frozen(backbone: "Backbone") -> bool:
    """Tell whether a backbone is small enough to be frozen to constants."""
    limit = _FREEZE_LIMITS.get(backbone.module, _FREEZE_LIMIT)
    return backbone.parameters <= limit
