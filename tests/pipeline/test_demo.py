"""The demo says so when it has no ImageNet weights."""

import pytest

from featx.errors import DataError
from featx.pipeline.demo import run_demo
from featx.progress import Progress


class Notes(Progress):
    def __init__(self):
        self.lines = []

    def note(self, line):
        self.lines.append(line)


@pytest.mark.slow
def test_without_weights_and_network_it_goes_on_and_marks_it(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    # Nothing listens there: as without a network, whatever this machine has.
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    notes = Notes()
    done = run_demo(tmp_path / "demo", progress=notes)
    (line,) = notes.lines
    assert "could not be fetched" in line
    assert "RANDOM weights" in line
    assert len(done.runs) == 6
    assert all(run.random_weights for run in done.runs)
    assert "random" in done.report.page.read_text()


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="can't draw the demo's images"):
        run_demo(tmp_path / "file")
