"""Things measured in processes of their own that work by turns, one at a time.

Frameworks' options are a process's, so each thing measured has its own; asked in turn,
all of them meet the same noise of the machine. A turn is one line of JSON to a worker's
standard input and one back. Nothing but the standard library is needed here: a worker
may run on another interpreter.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

ROOT = Path(__file__).parents[1]
LAST_WORDS = 2000

PER_CORE = "_per_core_second"
"""How names of rates end that count a core's seconds at work, not the clock's. Other
processes disturb them less."""


class Worker:
    """A worker process, as the one who asks sees it.

    Parameters
    ----------
    module : str
        What to run, ``python -m``.
    python : str
        The interpreter.
    environment : dict of str to str
        Variables that it gets beside those of this process.
    limit : float, optional
        Seconds after which a turn counts as one that hangs: the worker is ended.
    """

    def __init__(
        self,
        module: str,
        python: str = sys.executable,
        environment: Mapping[str, str] = MappingProxyType({}),
        limit: float | None = None,
    ) -> None:
        self.module, self.limit = module, limit
        # Frameworks talk a lot; it is of interest where a worker fails.
        self._words = tempfile.TemporaryFile()  # noqa: SIM115  closed on exit
        self._process = subprocess.Popen(
            [python, "-m", module],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            text=True,
        )
        self.pid = self._process.pid

    def ask(self, turn: str, **arguments: Any) -> dict[str, Any]:
        """Let the worker do something and wait for what it says.

        Raises
        ------
        RuntimeError
            It ended, or was ended as it took too long; with its last words.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        watch = threading.Timer(self.limit or 0, self._process.kill)
        if self.limit:
            watch.start()
        try:
            print(json.dumps([turn, arguments]), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            watch.cancel()
        if not line:
            raise RuntimeError(
                f"{self.module} ended at '{turn}':\n{self._last_words()}"
            )
        return json.loads(line)

    def _last_words(self) -> str:
        self._words.seek(0)
        return self._words.read().decode(errors="replace")[-LAST_WORDS:]

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the worker: it ends at the end of its input."""
        try:
            self._process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        self._words.close()


def serve(worker: Any) -> None:
    """Answer turns with the methods of that name until the input ends.

    Each answer has `core_seconds`, too: how long processors worked for this process
    and its ended children.
    """
    # What libraries print must not come between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        turn, arguments = json.loads(line)
        before = sum(os.times()[:4])
        answer = getattr(worker, turn)(**arguments)
        answer["core_seconds"] = sum(os.times()[:4]) - before
        print(json.dumps(answer), file=answers, flush=True)
