"""The schedule: what is measured of each backbone in each precision, and when to stop.

featx and PyTorch work by turns, each in a process of its own. Whatever fails or hangs
is told in the results, and the rest goes on: a lent machine is there once.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.turns import ROOT, Worker
from featx.embeddings.backbones.table import find_backbone
from featx.hardware import usable_cores

HERE = "benchmarks.gpu"

HANGS = 240.0
"""Seconds after which a turn is given up; compiling takes one minute at most."""

DECODE_IN = ("auto", "processes")
DECODE_WITH = ("pillow", "torchvision")

Measured = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What is measured, and how long.

    Attributes
    ----------
    backbones, precisions : sequence of str
        All backbones in the first precision come first.
    repeats : int
        Turns of each backbone and precision.
    seconds : float
        Of a turn of the model or the decoders alone, and of a matrix product.
    pass_seconds : float
        That a pass from files to rows takes about; so many files it gets.
    minutes : float
        After which nothing more is begun.
    image_size, batch_size : int or None
        None is the backbone's own, and the engine's.
    workers : int
        Of PyTorch's DataLoader.
    torch_python : str
        The interpreter that may have PyTorch.
    """

    backbones: tuple[str, ...]
    precisions: tuple[str, ...]
    repeats: int
    seconds: float
    pass_seconds: float
    minutes: float
    image_size: int | None
    batch_size: int | None
    workers: int
    torch_python: str

    def side(self, backbone: str) -> int:
        """Return the side of a backbone's images, in pixels."""
        return self.image_size or find_backbone(backbone).image_size

    @property
    def sides(self) -> list[int]:
        """Sides that occur, in pixels."""
        return sorted({self.side(name) for name in self.backbones})


@dataclass(frozen=True)
class Photos:
    """A folder of files, and how many it has."""

    folder: Path
    count: int


class Clock:
    """Tells whether there is time for more."""

    def __init__(self, minutes: float) -> None:
        self.end = time.monotonic() + 60 * minutes

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() > self.end


def measure_decoding(folder: Path, plan: Plan) -> Measured:
    """Measure threads and processes that decode, without a model.

    Returns
    -------
    dict
        `hashing`: images/s that are read and hashed only; `sides`: by side, a list of
        what decoded and how fast.
    """
    cores = usable_cores()
    counts = sorted({1, max(1, cores // 4), max(1, cores // 2), cores})
    with Worker(f"{HERE}.decoding_worker", limit=HANGS) as worker:
        worker.ask("open", folder=str(folder))
        hashed = worker.ask("hashing", seconds=plan.seconds)
        sides = {}
        for side in plan.sides:
            sides[str(side)] = [
                _decode(worker, where, count, side, plan.seconds)
                for where in ("threads", "processes")
                for count in counts
                # Fewer processes than half the cores tell nothing new.
                if where == "threads" or count > cores // 4
            ]
            _say(f"decoding to {side} pixels: {fastest(sides[str(side)]):.0f} images/s")
    return {"hashing": hashed["images"] / hashed["seconds"], "sides": sides}


def fastest(decoded: list[Measured]) -> float:
    """Return the highest rate of some decoders."""
    return max(one["rate"] for one in decoded)


def _decode(
    worker: Worker, where: str, count: int, side: int, seconds: float
) -> Measured:
    done = worker.ask("decode", where=where, count=count, side=side, seconds=seconds)
    images = done["images"]
    return {
        "where": where,
        "count": count,
        "rate": images / done["seconds"] if images else 0.0,
        "first": done["first"],
        "cores_busy": done["core_seconds"] / max(done["seconds"], 1e-9),
    }


def measure_all(
    photos: Photos, plan: Plan, decoding: Measured, clock: Clock
) -> Iterator[Measured]:
    """Measure each backbone in each precision; yield what came of it.

    Yields
    ------
    dict
        What it is and either `repeats`, a list of rates and passes, or why it is
        `skipped`.
    """
    for precision in plan.precisions:
        for backbone in plan.backbones:
            side = plan.side(backbone)
            named = {"backbone": backbone, "precision": precision, "image_size": side}
            if clock.is_over:
                yield {**named, "skipped": f"the {plan.minutes:g} minutes were over"}
                continue
            limit = fastest(decoding["sides"][str(side)])
            try:
                yield {**named, **_measure(named, photos, plan, limit)}
            except RuntimeError as error:
                yield {**named, "skipped": _last_line(str(error))}


def _measure(named: Measured, photos: Photos, plan: Plan, decoding: float) -> Measured:
    with ExitStack() as stack:
        featx = stack.enter_context(Worker(f"{HERE}.featx_worker", limit=HANGS))
        shared = {**named, "folder": str(photos.folder)}
        facts = featx.ask("open", batch_size=plan.batch_size, **shared)
        if "skipped" in facts:
            return facts
        batch = min(facts["batch_size"], photos.count)
        torch = _Peer(plan.torch_python, stack)
        facts["torch"] = torch.open(batch_size=batch, workers=plan.workers, **shared)
        facts["matmul"] = featx.ask("multiply", seconds=plan.seconds)["rate"]
        facts["repeats"] = []
        for _ in range(plan.repeats):
            try:
                repeat = _models(featx, torch, plan.seconds)
                # A pass can't be faster than either.
                rate = min(decoding, repeat["featx"]["host"])
                count = _whole_batches(rate * plan.pass_seconds, batch, photos.count)
                _add_passes(repeat, featx, torch, count)
            except RuntimeError as error:
                if not facts["repeats"]:
                    raise
                facts["cut_short"] = _last_line(str(error))
                break
            facts["repeats"].append(repeat)
            _say_repeat(named, repeat)
        facts["torch"] |= torch.failed
    return facts


def _models(featx: Worker, torch: "_Peer", seconds: float) -> Measured:
    """Return the rates of both models alone, by turns."""
    rates: Measured = {"featx": {}, "torch": {}}
    for images in ("device", "host"):
        turn = {"images": images, "seconds": seconds}
        rates["featx"][images] = featx.ask("embed", **turn)["rate"]
        found = torch.ask("embed", **turn)
        if found is not None:
            rates["torch"][images] = found["rate"]
    return rates


def _add_passes(repeat: Measured, featx: Worker, torch: "_Peer", images: int) -> None:
    """Add passes from files to rows, by turns, of so many images each."""
    for decode_in, decode_with in zip(DECODE_IN, DECODE_WITH, strict=True):
        done = featx.ask("end_to_end", images=images, decode_in=decode_in)
        repeat["featx"][decode_in] = done
        repeat["torch"] |= torch.passed(images, decode_with)


def _whole_batches(images: float, batch: int, most: int) -> int:
    """Return about so many images, in whole batches, one at least."""
    return max(1, min(int(images), most) // batch) * batch


class _Peer:
    """PyTorch, as long as it works."""

    def __init__(self, python: str, stack: ExitStack) -> None:
        self._worker: Worker | None = stack.enter_context(
            Worker(f"{HERE}.torch_worker", python, limit=HANGS)
        )
        self.failed: dict[str, str] = {}

    def open(self, **arguments: Any) -> Measured:
        """Return what it says of itself."""
        found = self.ask("open", **arguments) or {}
        if "skipped" in found:
            self._worker = None
            _say(f"PyTorch is left out: {found['skipped']}")
        return found

    def ask(self, turn: str, **arguments: Any) -> Measured | None:
        """Return what it answers; None once it has failed."""
        if self._worker is None:
            return None
        try:
            return self._worker.ask(turn, **arguments)
        except RuntimeError as error:
            self._worker = None
            self.failed = {"failed": f"at '{turn}': {_last_line(str(error))}"}
            _say(f"PyTorch failed {self.failed['failed']}")
            return None

    def passed(self, images: int, decode_with: str) -> Measured:
        """Return what came of a pass, by what decoded; empty once it has failed."""
        found = self.ask("end_to_end", images=images, decode_with=decode_with)
        return {} if found is None else {decode_with: found}


def measure_command(one: Measured, folder: Path) -> Measured:
    """Run the program on one batch of files with an empty cache; tell how long it took.

    Parameters
    ----------
    one : dict
        What was measured of a backbone in a precision.
    folder : Path
        With the files.
    """
    with tempfile.TemporaryDirectory() as place:
        few = Path(place) / "photos"
        # Some of each class, by the number that names begin with.
        files = sorted(folder.rglob("*.jpg"), key=lambda path: path.name)
        for path in files[: one["batch_size"]]:
            copied = few / path.relative_to(folder)
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copied)
        command = [
            *(sys.executable, "-m", "featx", "extract", str(few)),
            *("--backbone", one["backbone"], "--weights", "random"),
            *("--precision", one["precision"], "--engine", one["engine"]),
            *("--image-size", str(one["image_size"])),
            *("--cache-dir", str(Path(place) / "cache")),
        ]
        start = time.perf_counter()
        try:
            ended = subprocess.run(
                command,
                cwd=ROOT,
                check=False,
                capture_output=True,
                text=True,
                timeout=HANGS,
            )
        except subprocess.TimeoutExpired:
            return {"failed": f"takes more than {HANGS:.0f} s"}
        seconds = time.perf_counter() - start
    if ended.returncode:
        return {"failed": _last_line(ended.stderr)}
    return {"seconds": seconds, "images": one["batch_size"]}


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["without a word"])[-1]


def _say_repeat(named: Measured, repeat: Measured) -> None:
    featx, torch = repeat["featx"], repeat["torch"]
    whole = max(featx[where]["steady"] for where in DECODE_IN)
    theirs = [torch[how]["steady"] for how in DECODE_WITH if how in torch]
    beside = f", PyTorch {max(theirs):.0f}" if theirs else ""
    _say(
        f"{named['backbone']}, {named['precision']}: model alone"
        f" {featx['host']:.0f}, files to rows {whole:.0f}{beside} images/s"
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
