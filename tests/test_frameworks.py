"""How TensorFlow is set up when it is imported."""

import os
import subprocess
import sys

from featx.frameworks import import_tensorflow


def test_tensorflow_starts_quietly_on_the_usable_cores():
    script = (
        "import os\n"
        "from featx.frameworks import import_tensorflow\n"
        "tf = import_tensorflow()\n"
        "print(float(tf.reduce_sum(tf.ones([2, 2]))))\n"
        "print(os.environ['TF_NUM_INTRAOP_THREADS'])\n"
    )
    env = os.environ | {"LOKY_MAX_CPU_COUNT": "1"}
    env.pop("TF_NUM_INTRAOP_THREADS", None)
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["4.0", "1"]
    assert done.stderr == ""


def test_a_number_of_threads_that_the_user_sets_stays(monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")
    import_tensorflow()
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == "3"
