"""Running a Keras model as one TensorFlow graph: the engine `tensorflow`."""

import contextlib
import copy
import threading
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from featx.embeddings.backbones.keras_model import build_model
from featx.embeddings.engines.batches import (
    CPU_BATCH,
    GPU_BATCH,
    build_engine,
    check_batch,
    cpu_precisions,
    gpu_precisions,
    policy_of,
    suitable_batch,
)
from featx.embeddings.engines.table import Engine
from featx.errors import BackboneError
from featx.frameworks import garbage_kept, import_tensorflow, with_constants
from featx.hardware import available_memory, has_bfloat16, may_have_gpu
from featx.keras_backend import missing_backend

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    from featx.embeddings.backbones.extractor import KerasExtractor
    from featx.embeddings.backbones.table import Backbone


# Freezing copies the weights several times over: in millions of parameters, what
# stays within a few GiB. ConvNeXt's large matrices take more (XLarge frozen: over
# 24 GiB, unfrozen: 2.4 GB).
_FREEZE_LIMIT = 100.0
_FREEZE_LIMITS = {"convnext": 50.0}


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

    name = "tensorflow"

    def __init__(self, model: "keras.Model", *, freeze: bool = True) -> None:
        self.dim: int = int(model.output_shape[-1])
        self._shape: tuple[int, ...] = tuple(model.input_shape[1:])
        self._tf = import_tensorflow()
        self._graph = _trace(self._tf, model, freeze=freeze)
        self._bfloat16 = False
        self._optimized = False
        self._optimizing = threading.Lock()
        self.batch_size = _suitable_batch(self._tf, self._graph)

    def with_bfloat16(self) -> Self:
        """Return the same graph computed in bfloat16 on the CPU, by oneDNN.

        Sums stay in float32, and so do the operations that oneDNN has no bfloat16 for
        or that need more digits.
        """
        twin = copy.copy(self)
        twin._bfloat16 = True
        twin._optimized = False
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
        check_batch(batch, self._shape)  # a graph takes other sizes without a word
        if len(batch) == 0:  # which the optimised graph can't compute
            return np.empty((0, self.dim), np.float32)
        bfloat16 = self._bfloat16
        arithmetic = (
            _onednn_bfloat16(self._tf) if bfloat16 else contextlib.nullcontext()
        )
        try:
            with arithmetic:
                self._optimize(batch[:1])
                return self._run(batch)
        except self._tf.errors.ResourceExhaustedError as error:
            raise MemoryError(f"a batch of {len(batch)} images") from error

    def _optimize(self, batch: "NDArray[np.uint8]") -> None:
        """Let one thread optimize the graph, which happens when it runs first.

        Several threads would do it at the same time otherwise, and it takes longer
        than a batch does. Threads that come meanwhile wait.
        """
        with self._optimizing:
            if not self._optimized:
                self._run(batch)
                self._optimized = True

    def _run(self, batch: "NDArray[np.uint8]") -> "NDArray[np.float32]":
        (rows,) = self._graph(self._tf.constant(batch, self._tf.uint8))
        return np.asarray(rows.numpy(), dtype=np.float32)


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


def trace_backbone(
    extractor: "KerasExtractor", batch: int
) -> tuple[Any, "keras.Model"]:
    """Return a backbone as a concrete function with constant weights, and its model.

    The function takes uint8 (batch, height, width, 3) and returns a list of a tensor.
    """
    with garbage_kept():
        model = build_model(extractor)
        return _trace(import_tensorflow(), model, freeze=True, batch=batch), model


def _trace(
    tf: Any, model: "keras.Model", *, freeze: bool, batch: int | None = None
) -> Any:
    """Return the model as a concrete function: one uint8 tensor to a list of one."""
    height, width = model.input_shape[1:3]
    signature = tf.TensorSpec([batch, height, width, 3], tf.uint8)
    call = with_constants(model) if freeze else partial(model, training=False)

    def embed(images: Any) -> list[Any]:
        return [tf.cast(call(images), tf.float32)]

    graph = tf.function(embed, input_signature=[signature], autograph=False)
    return graph.get_concrete_function()


def _suitable_batch(tf: Any, graph: Any) -> int:
    """Return how many images at a time suit the memory: a power of two."""
    most, memory = CPU_BATCH, available_memory()
    if tf.config.list_physical_devices("GPU"):
        most, memory = GPU_BATCH, _gpu_memory()
    return suitable_batch(_largest_map(graph), memory, most)


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


def open_engine(extractor: "KerasExtractor") -> Engine:
    """Build a backbone and its graph; a second call finds them built.

    It runs on a GPU if TensorFlow finds one, on the CPU otherwise.

    Raises
    ------
    BackboneError
        There is no such layer, or this machine can't compute in the precision.
    WeightsError
        The file doesn't fit the backbone.
    """
    kind = TensorFlowEngine if is_frozen(extractor.backbone) else _unfrozen
    if extractor.precision == "bfloat16" and not uses_gpu():
        if not has_bfloat16():
            raise BackboneError(
                "--precision bfloat16: this CPU has no instructions for it"
                " (AVX512-BF16 or AMX); use auto or float32"
            )
        return build_engine(kind, extractor, "float32").with_bfloat16()
    policy = policy_of(extractor.precision, "TensorFlow", on_gpu=uses_gpu())
    return build_engine(kind, extractor, policy)


def _unfrozen(model: "keras.Model") -> TensorFlowEngine:
    return TensorFlowEngine(model, freeze=False)


def missing() -> str | None:
    """Say why the engine can't run here, and what to do."""
    return missing_backend("tensorflow")


def uses_gpu() -> bool:
    """Tell whether it computes on a GPU here."""
    if not may_have_gpu():
        return False  # known without TensorFlow, which takes seconds to import
    return bool(import_tensorflow().config.list_physical_devices("GPU"))


def precisions() -> tuple[str, ...]:
    """Return what it computes in here: float32, and what may be faster."""
    if not uses_gpu():
        return cpu_precisions()
    tf = import_tensorflow()
    gpu = tf.config.list_physical_devices("GPU")[0]
    details = tf.config.experimental.get_device_details(gpu)
    capability = details.get("compute_capability", (0, 0))
    return gpu_precisions(capability)


def is_frozen(backbone: "Backbone") -> bool:
    """Return whether a backbone is small enough to be frozen to constants."""
    limit = _FREEZE_LIMITS.get(backbone.module, _FREEZE_LIMIT)
    return backbone.parameters <= limit
