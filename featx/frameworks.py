"""Importing Keras and its backends: late, quietly, set up the same way everywhere."""

import contextlib
import gc
import os
import random
import socket
import sys
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

from featx.errors import BackboneError
from featx.hardware import usable_cores
from featx.keras_backend import keras_backend, missing_backend


def import_tensorflow() -> Any:
    """Import TensorFlow quietly; the one place where featx does so.

    Its start-up messages go nowhere unless ``TF_CPP_MIN_LOG_LEVEL`` is set to less
    than 3. A GPU's memory is taken as it is needed, not all at once, so that several
    processes can share one; a GPU that is in use already stays as it is. Products in
    float32 are computed in float32, not in TF32. It gets as many threads as there are
    usable cores, in a container too, unless ``TF_NUM_INTRAOP_THREADS`` says another
    number.

    Returns
    -------
    module
        ``tensorflow``.

    Raises
    ------
    BackboneError
        If it isn't installed.
    """
    if not find_spec("tensorflow"):
        raise BackboneError(
            "TensorFlow isn't installed: pip install 'featx[tensorflow]'"
        )
    # TensorFlow may import Keras; without it a backend in keras.json would win.
    os.environ.setdefault("KERAS_BACKEND", keras_backend())
    quiet = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "3"
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(usable_cores()))
    first = "tensorflow" not in sys.modules
    silenced = silenced_stderr() if quiet and first else contextlib.nullcontext()
    with silenced, garbage_kept():
        import tensorflow as tf
    if quiet and first:
        # Every model that is trained is traced again; that is no news.
        tf.get_logger().setLevel("ERROR")
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        with contextlib.suppress(RuntimeError):
            tf.config.experimental.set_memory_growth(gpu, enable=True)
    if gpus and first:
        # Called float32, it has the digits of float16; less precision is for
        # --precision to say.
        tf.config.experimental.enable_tensor_float_32_execution(False)
    return tf


def import_jax() -> Any:
    """Import JAX quietly; the one place where featx does so.

    A GPU's memory is taken as it is needed, unless ``XLA_PYTHON_CLIENT_PREALLOCATE``
    says otherwise, and the CPU's threads are as many as there are usable cores, unless
    ``NPROC`` does.

    Returns
    -------
    module
        ``jax``.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    os.environ.setdefault("NPROC", str(usable_cores()))
    with garbage_kept():
        import jax
    return jax


def import_torch() -> Any:
    """Import PyTorch; the one place where featx does so.

    Products in float32 are computed in float32, not in TF32. It gets as many threads
    as there are usable cores, unless ``OMP_NUM_THREADS`` says another number.

    Returns
    -------
    module
        ``torch``.
    """
    first = "torch" not in sys.modules
    with garbage_kept():
        import torch
    if first:
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        if "OMP_NUM_THREADS" not in os.environ:
            torch.set_num_threads(usable_cores())
    return torch


_IMPORTS = {
    "tensorflow": import_tensorflow,
    "jax": import_jax,
    "torch": import_torch,
}


def import_keras() -> Any:
    """Import Keras on the backend that `keras_backend` names, as quietly as that.

    Returns
    -------
    module
        ``keras``.

    Raises
    ------
    BackboneError
        If that backend isn't installed, or none is.
    """
    backend = keras_backend()
    # Read when Keras is imported, and by child processes.
    os.environ["KERAS_BACKEND"] = backend
    _IMPORTS[backend]()
    import keras

    return keras


def need_tensorflow(what: str) -> None:
    """Check, before any work, that Keras runs on TensorFlow here.

    Parameters
    ----------
    what : str
        What needs it, to begin the message with.

    Raises
    ------
    BackboneError
        If it doesn't.
    """
    missing = missing_backend("tensorflow")
    if missing:
        raise BackboneError(f"{what} needs TensorFlow: {missing}")


@contextlib.contextmanager
def garbage_kept() -> Iterator[None]:
    """Leave garbage alone while a great many lasting objects are made.

    Python's collector looks at all of them again and again, and finds little: a
    quarter of the time that importing TensorFlow takes.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextlib.contextmanager
def quick_compiling() -> Iterator[None]:
    """Let XLA compile quickly rather than well, while a model is built.

    On JAX, what draws a layer's initial weights is compiled for each shape, to run
    once. That takes most of the time that building a model takes, half of it here.
    """
    if keras_backend() != "jax":
        yield
        return
    option, config = "jax_disable_most_optimizations", import_jax().config
    before = config.read(option)
    config.update(option, True)
    try:
        yield
    finally:
        config.update(option, before)


@contextlib.contextmanager
def python_seed(seed: int) -> Iterator[None]:
    """Seed what Keras draws its initialisers' seeds from, and restore it after.

    Keras takes them from Python's ``random`` and hands them to stateless generators,
    so neither NumPy's nor TensorFlow's state is touched.
    """
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


@contextlib.contextmanager
def dtype_policy(policy: str) -> Iterator[None]:
    """Build layers of a dtype policy of Keras; what is built after is as before."""
    config = import_keras().config
    before = config.dtype_policy()
    config.set_dtype_policy(policy)
    try:
        yield
    finally:
        config.set_dtype_policy(before)


def with_constants(model: Any) -> Callable[..., Any]:
    """Return a call of a Keras model, to trace, with its weights as constants.

    Traced as constants in the first place: converting a traced graph's variables gives
    the same and takes four times as long. Later changes of the weights aren't seen.
    """
    tf, keras = import_tensorflow(), import_keras()
    weights = [(variable, variable.numpy()) for variable in model.variables]

    def run(images: Any) -> Any:
        constants = [(variable, tf.constant(value)) for variable, value in weights]
        with keras.StatelessScope(state_mapping=constants):
            return model(images, training=False)

    return run


@contextlib.contextmanager
def silenced_stderr() -> Iterator[None]:
    """Drop what is written to file descriptor 2, below Python's ``sys.stderr``.

    TensorFlow's C++ side logs before it has read the level it shall log at.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123  a device, not a path
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextlib.contextmanager
def ignoring(start: str, category: type[Warning]) -> Iterator[None]:
    """Ignore one warning, by how its message begins."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", rf"\s*(Warning: )?{start}", category)
        yield


@contextlib.contextmanager
def keras_downloads(timeout: float) -> Iterator[None]:
    """Let Keras download inside: what it prints goes to stderr.

    Connections give up after `timeout` seconds without an answer.
    """
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(timeout)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        socket.setdefaulttimeout(before)


def fetch_failure(error: Exception) -> str:
    """Return in one line why Keras could not fetch a file.

    Its message is ``URL fetch failure on <url>: <number> -- <reason>``.
    """
    lines = str(error).rpartition(" -- ")[2].strip().splitlines()
    return lines[0] if lines else type(error).__name__
