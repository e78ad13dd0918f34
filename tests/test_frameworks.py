"""How TensorFlow is set up when it is imported."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("own", [None, "3"])
def test_tensorflow_gets_as_many_threads_as_there_are_usable_cores(own):
    script = (
        "import os\n"
        "from featx.frameworks import import_tensorflow\n"
        "import_tensorflow()\n"
        "print(os.environ['TF_NUM_INTRAOP_THREADS'])\n"
    )
    env = os.environ | {"LOKY_MAX_CPU_COUNT": "1"}
    env.pop("TF_NUM_INTRAOP_THREADS", None)
    if own is not None:
        env["TF_NUM_INTRAOP_THREADS"] = own
    done = subprocess.run(
        [sys.executable, "-c", script], env=env, check=True, capture_output=True
    )
    assert done.stdout.decode().strip() == (own or "1")
