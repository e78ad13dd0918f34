"""Which backend featx runs on, with every combination of what may be installed."""

import json
import subprocess
import sys
from importlib.machinery import ModuleSpec
from types import SimpleNamespace

import pytest

from featx import keras_backend as module
from featx.errors import BackboneError
from featx.frameworks import import_tensorflow, need_tensorflow
from featx.keras_backend import BACKENDS, keras_backend, missing_backend


class Machine:
    """What is installed, and whether there is a GPU."""

    def __init__(self, patch, folder):
        self.patch, self.folder = patch, folder
        self.torch = folder / "torch"
        self.torch.mkdir()
        patch.setenv("KERAS_HOME", str(folder))
        patch.delenv("KERAS_BACKEND", raising=False)
        patch.delitem(sys.modules, "keras", raising=False)
        self.has()

    def has(self, *names, gpu=False, distributions=(), cuda=None):
        def find_spec(name):
            spec = ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = [str(self.torch)]
            return spec if name in names else None

        text = f"debug = False\ncuda: Optional[str] = {cuda!r}\nhip = None\n"
        (self.torch / "version.py").write_text(text)
        found = [SimpleNamespace(name=name) for name in (*distributions, None)]
        for where in ("featx.keras_backend.find_spec", "featx.frameworks.find_spec"):
            self.patch.setattr(where, find_spec)
        self.patch.setattr(module, "distributions", lambda: iter(found))
        self.patch.setattr(module, "has_nvidia_gpu", lambda: gpu)
        self.patch.setattr(module.platform, "system", lambda: "Linux")

    def configure(self, text):
        (self.folder / "keras.json").write_text(text)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    return Machine(monkeypatch, tmp_path)


def test_the_first_that_is_installed(machine):
    machine.has(*BACKENDS)
    assert keras_backend() == "tensorflow"
    machine.has("jax", "torch")
    assert keras_backend() == "jax"
    machine.has("torch", gpu=True)
    assert keras_backend() == "torch"


def test_where_none_is_installed_the_error_says_what_to_install(machine):
    with pytest.raises(BackboneError, match=r"install 'featx\[tensorflow\]'") as raised:
        keras_backend()
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("installed", "expected"),
    [
        ({"distributions": ["nvidia_cudnn_cu12"], "cuda": "12.8"}, "tensorflow"),
        ({"distributions": ["jax_cuda12_plugin"], "cuda": "12.8"}, "jax"),
        ({"distributions": ["jax-cuda13-plugin"]}, "jax"),
        ({"cuda": "12.8"}, "torch"),
        ({"distributions": ["jax"]}, "tensorflow"),  # all of them without support
    ],
)
def test_a_gpu_decides_for_what_supports_it(machine, installed, expected):
    machine.has(*BACKENDS, gpu=True, **installed)
    assert keras_backend() == expected
    machine.has(*BACKENDS, gpu=False, **installed)
    assert keras_backend() == "tensorflow"


def test_tensorflow_finds_no_gpu_on_windows(machine, monkeypatch):
    machine.has(*BACKENDS, gpu=True, distributions=["nvidia-cudnn-cu12"], cuda="12.8")
    monkeypatch.setattr(module.platform, "system", lambda: "Windows")
    assert keras_backend() == "torch"


def test_the_environment_variable_decides(machine, monkeypatch):
    machine.has(*BACKENDS)
    machine.configure(json.dumps({"backend": "torch"}))
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert keras_backend() == "jax"


@pytest.mark.parametrize("name", ["openvino", "numpy", "Jax"])
def test_an_unknown_backend_is_refused(machine, monkeypatch, name):
    machine.has(*BACKENDS, name)
    expected = f"'{name}', featx runs on tensorflow, jax or torch: set KERAS_BACKEND"
    machine.configure(json.dumps({"backend": name}))
    with pytest.raises(BackboneError, match=expected) as raised:
        keras_backend()
    assert str(machine.folder / "keras.json") in str(raised.value)
    monkeypatch.setenv("KERAS_BACKEND", name)
    with pytest.raises(BackboneError, match=f"KERAS_BACKEND is {expected}"):
        keras_backend()


def test_a_backend_that_is_asked_for_has_to_be_installed(machine, monkeypatch):
    machine.has("tensorflow")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(BackboneError, match=r"JAX isn't installed: .*featx\[jax\]"):
        keras_backend()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"backend": "jax"}', "jax"),
        ('{"backend": "torch"}', "tensorflow"),  # it isn't installed
        ('{"backend": "tensorflow"}', "tensorflow"),
        ('{"backend": 3}', "tensorflow"),
        ("[]", "tensorflow"),
        ("{", "tensorflow"),
    ],
)
def test_keras_own_configuration(machine, text, expected):
    machine.has("tensorflow", "jax")
    machine.configure(text)
    assert keras_backend() == expected


def test_what_keras_writes_by_itself_is_no_wish(machine):
    machine.configure('{"backend": "tensorflow"}')
    machine.has("jax")
    assert keras_backend() == "jax"
    machine.has("tensorflow", "jax", gpu=True, distributions=["jax-cuda12-plugin"])
    assert keras_backend() == "jax"


def test_keras_that_is_imported_decides(machine, monkeypatch):
    machine.has(*BACKENDS)
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    for name in ("torch", "numpy"):
        keras = SimpleNamespace(backend=SimpleNamespace(backend=lambda name=name: name))
        monkeypatch.setitem(sys.modules, "keras", keras)
        if name == "torch":
            assert keras_backend() == "torch"
        else:
            with pytest.raises(
                BackboneError, match="imported with the backend 'numpy'"
            ):
                keras_backend()


def test_what_a_backend_lacks_is_said(machine):
    machine.has("tensorflow", "jax")
    assert missing_backend("tensorflow") is None
    assert "KERAS_BACKEND=jax" in missing_backend("jax")
    assert "pip install 'featx[torch]'" in missing_backend("torch")


def test_what_needs_tensorflow_says_so(machine):
    machine.has("tensorflow")
    need_tensorflow("featx finetune")
    machine.has("jax")
    message = r"^featx finetune needs TensorFlow: TensorFlow isn't installed; pip"
    with pytest.raises(BackboneError, match=message):
        need_tensorflow("featx finetune")
    with pytest.raises(BackboneError, match=r"^TensorFlow isn't installed: pip"):
        import_tensorflow()


def test_nothing_is_imported_to_decide():
    script = (
        "import sys\n"
        "from featx.keras_backend import keras_backend\n"
        "keras_backend()\n"
        "assert not {'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
