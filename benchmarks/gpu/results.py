"""What the rates say: medians, each rate's share of its limit, and tables."""

from statistics import median
from typing import Any

from benchmarks.gpu.measuring import DECODE_IN, DECODE_WITH, fastest
from benchmarks.markdown import NEITHER, rate, table

Measured = dict[str, Any]

MODEL = ("device", "host")


def summarise(one: Measured, decoding: Measured) -> Measured:
    """Add medians over the turns, and shares of the limits, to what was measured.

    Parameters
    ----------
    one : dict
        Of a backbone in a precision, as `measure_all` yields it.
    decoding : dict
        As `measure_decoding` returns it.
    """
    if "skipped" in one:
        return one
    featx = _medians(one["repeats"], "featx", DECODE_IN)
    torch = _medians(one["repeats"], "torch", DECODE_WITH)
    decoders = fastest(decoding["sides"][str(one["image_size"])])
    allowed = one["matmul"] / one["operations"]
    limit = min(decoders, featx["host"])
    shares = {
        "device/matmul": featx["device"] / allowed,
        "host/device": featx["host"] / featx["device"],
    }
    for where in DECODE_IN:
        for kind in ("whole", "steady"):
            shares[f"{kind}, {where}/limit"] = featx[f"{kind}, {where}"] / limit
    for kind in ("whole", "steady"):
        theirs = best_of(torch, kind)
        if theirs is not None:
            shares[f"{kind}/torch"] = best_of(featx, kind, DECODE_IN[:1]) / theirs
    return {
        **one,
        "medians": {"featx": featx, "torch": torch},
        "allowed": allowed,
        "decoding": decoders,
        "limit": limit,
        "shares": {name: round(share, 3) for name, share in shares.items()},
    }


def _medians(repeats: list[Measured], whose: str, ways: tuple[str, ...]) -> Measured:
    """Return the medians of what was measured in every turn."""
    turns = [repeat[whose] for repeat in repeats]
    found: Measured = {}
    for images in MODEL:
        if all(images in turn for turn in turns):
            found[images] = median(turn[images] for turn in turns)
    for way in ways:
        if all(way in turn for turn in turns):
            passes = [turn[way] for turn in turns]
            found[f"whole, {way}"] = median(p["images"] / p["seconds"] for p in passes)
            found[f"steady, {way}"] = median(p["steady"] for p in passes)
    return found


def best_of(
    medians: Measured, kind: str, ways: tuple[str, ...] = DECODE_WITH
) -> float | None:
    """Return the rate of the fastest way, whole or steady; None where there is none."""
    named = [f"{kind}, {way}" for way in ways]
    return max((medians[name] for name in named if name in medians), default=None)


def markdown(results: Measured) -> str:
    """Return the tables and what they were measured with."""
    measured = [one for one in results["backbones"] if "skipped" not in one]
    return "\n".join(
        [
            "From files to rows, images per second (share of the limit):",
            "",
            *_end_to_end(measured),
            "",
            "The model alone, images per second (share of the one before):",
            "",
            *_models(measured),
            "",
            "Decoding alone, images per second:",
            "",
            *_decoding(results["decoding"]),
            "",
            "Start-up, seconds:",
            "",
            *_start_up(measured),
            "",
            *_circumstances(results),
            "",
        ]
    )


def _name(one: Measured) -> str:
    return f"`{one['backbone']}` @{one['image_size']}, {one['precision']}"


def _end_to_end(measured: list[Measured]) -> list[str]:
    head = [
        "backbone",
        "limit",
        "**featx**",
        "steady",
        "in processes, steady",
        "PyTorch",
        "steady",
        "featx / PyTorch",
        "steady",
    ]
    rows = []
    for one in measured:
        featx, torch = one["medians"]["featx"], one["medians"]["torch"]
        shares, limit = one["shares"], one["limit"]
        limited_by = "decoding" if one["decoding"] <= featx["host"] else "model"
        rows.append(
            [
                _name(one),
                f"{rate(limit)}, {limited_by}",
                f"**{_shared(featx, shares, 'whole, auto')}**",
                _shared(featx, shares, "steady, auto"),
                _shared(featx, shares, "steady, processes"),
                _maybe(best_of(torch, "whole")),
                _maybe(best_of(torch, "steady")),
                _ratio(shares, "whole/torch"),
                _ratio(shares, "steady/torch"),
            ]
        )
    return table(head, rows)


def _models(measured: list[Measured]) -> list[str]:
    head = [
        "backbone",
        "matrix products, TFLOP/s",
        "they allow",
        "images on the device",
        "images in memory",
        "PyTorch, on the device",
        "PyTorch, in memory",
    ]
    rows = []
    for one in measured:
        featx, torch = one["medians"]["featx"], one["medians"]["torch"]
        rows.append(
            [
                _name(one),
                rate(one["matmul"] / 1e12),
                rate(one["allowed"]),
                f"{rate(featx['device'])} ({one['shares']['device/matmul']:.2f})",
                f"{rate(featx['host'])} ({one['shares']['host/device']:.2f})",
                _maybe(torch.get("device")),
                _maybe(torch.get("host")),
            ]
        )
    return table(head, rows)


def _decoding(decoding: Measured) -> list[str]:
    sides = decoding["sides"]
    named = [(one["where"], one["count"]) for one in next(iter(sides.values()))]
    head = ["pixels", *(f"{where}: {count}" for where, count in named)]
    rows = [
        [side, *(rate(one["rate"]) for one in decoded)]
        for side, decoded in sides.items()
    ]
    return table(head, rows)


def _start_up(measured: list[Measured]) -> list[str]:
    head = [
        "backbone",
        "import",
        "build",
        "first batch",
        "`featx extract` of one batch",
        "PyTorch, first batch",
    ]
    rows = []
    for one in measured:
        took, command = one["start_up"], one.get("command", {})
        theirs = one["torch"].get("start_up", {})
        rows.append(
            [
                _name(one),
                *(f"{took[step]:.1f}" for step in ("import", "build", "compile")),
                _maybe(command.get("seconds")),
                _maybe(theirs.get("compile")),
            ]
        )
    return table(head, rows)


def _shared(rates: Measured, shares: Measured, name: str) -> str:
    return f"{rate(rates[name])} ({shares[f'{name}/limit']:.2f})"


def _ratio(shares: Measured, name: str) -> str:
    return f"{shares[name]:.2f}" if name in shares else NEITHER


def _maybe(value: float | None) -> str:
    return NEITHER if value is None else rate(value)


def _circumstances(results: Measured) -> list[str]:
    """Return lines: on what, with what, of what, when, and what is missing."""
    machine, images = results["machine"], results["images"]
    packages = ", ".join(f"{name} {v}" for name, v in results["versions"].items())
    gpu = results["gpu"]
    device = results["device"]
    if gpu:
        device = f"{gpu['name']} (driver {gpu['driver']}, {gpu['power_limit']})"
    where = (
        f"{device}; {machine['cpu']}, {machine['cores']} cores,"
        f" {machine['memory_gib']:.0f} GiB; {packages}; {results['date']}."
    )
    hashed = rate(results["decoding"]["hashing"])
    how = (
        f"Drawn JPEG files of {images['mean_kb']:.0f} kB, in the system's memory;"
        f" random weights; medians of {results['repeats']} turns. Reading and hashing"
        f" all files comes first, at {hashed} images/s."
    )
    return [where, how, *_exceptions(results["backbones"])]


def _exceptions(measured: list[Measured]) -> list[str]:
    """Return what could not be measured, a sentence each, and no sentence twice."""
    told = []
    for one in measured:
        theirs = one.get("torch", {})
        if "skipped" in one:
            told.append(f"{_name(one)} is left out: {one['skipped']}.")
        if "skipped" in theirs:
            told.append(f"PyTorch is left out: {theirs['skipped']}.")
        if "not_compiled" in theirs:
            told.append(f"PyTorch could not compile: {theirs['not_compiled']}.")
        if "failed" in theirs:
            told.append(f"PyTorch failed {theirs['failed']}.")
        if "cut_short" in one:
            told.append(f"{_name(one)} ended early: {one['cut_short']}.")
        if "failed" in one.get("command", {}):
            told.append(f"`featx extract` failed: {one['command']['failed']}.")
    return list(dict.fromkeys(told))
