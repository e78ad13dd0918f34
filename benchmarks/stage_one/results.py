"""What the rates say: medians, ratios, and both as Markdown."""

from statistics import median
from typing import Any

from benchmarks.markdown import NEITHER, rate, table
from benchmarks.turns import PER_CORE

Measured = dict[str, Any]

BUSY = 0.1
"""Others' share from which on seconds of the clock tell of them, too."""


def ratios(measured: Measured, per: str = "") -> dict[str, list[float]]:
    """Return each ratio, one per repeat: of what was measured side by side.

    Parameters
    ----------
    measured : dict
        As `measure` returns it.
    per : str
        The ending of the rates to divide; `PER_CORE` or, per second, none.
    """
    repeats, precision = measured["repeats"], measured["precision"]

    def share(repeat: Measured, kind: str) -> float:
        needed = repeat[f"model_{kind}{per}"] * measured["operations"]
        return needed / repeat[f"matmul_{kind}{per}"]

    def over(below: str) -> list[float]:
        return [r[f"end_to_end{per}"] / r[below + per] for r in repeats if below in r]

    found = {
        "end_to_end/keras": over("keras"),
        "end_to_end/torch": over("torch"),
        "end_to_end/model": over(f"model_{precision}"),
        "model/matmul": [share(r, precision) for r in repeats],
        "model/matmul, float32": [share(r, "float32") for r in repeats],
    }
    return {name: values for name, values in found.items() if values}


def summarise(measured: Measured) -> Measured:
    """Add the medians of the rates, and the ratios with their range."""
    repeats = measured["repeats"]
    return {
        **measured,
        "medians": {kind: median(r[kind] for r in repeats) for kind in repeats[0]},
        "ratios": _ranges(ratios(measured)),
        f"ratios{PER_CORE}": _ranges(ratios(measured, PER_CORE)),
    }


def _ranges(found: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    return {
        name: {
            "median": round(median(values), 3),
            "min": round(min(values), 3),
            "max": round(max(values), 3),
        }
        for name, values in found.items()
    }


def markdown(results: Measured) -> str:
    """Return both tables and what they were measured with."""
    measured = results["backbones"]
    return "\n".join(
        [
            "Images per second:",
            "",
            *_rates(measured),
            "",
            "Ratios, with the least and the most of the repeats:",
            "",
            *_ratios(measured),
            "",
            _circumstances(results),
            "",
        ]
    )


def _rates(measured: Measured) -> list[str]:
    head = [
        "backbone",
        "`model.predict`",
        "PyTorch",
        "**featx**",
        "its model alone",
        "in float32",
        "what matrix products allow",
    ]
    rows = []
    for name, one in measured.items():
        rates, precision = one["medians"], one["precision"]
        rows.append(
            [
                f"`{name}` @{one['image_size']}, {one['engine']}, {precision}",
                rate(rates["keras"]),
                rate(rates["torch"]) if "torch" in rates else NEITHER,
                f"**{rate(rates['end_to_end'])}**",
                rate(rates[f"model_{precision}"]),
                rate(rates["model_float32"]),
                rate(rates[f"matmul_{precision}"] / one["operations"]),
            ]
        )
    return table(head, rows)


def _ratios(measured: Measured) -> list[str]:
    heads = {
        "end_to_end/keras": "featx / `model.predict`",
        "end_to_end/torch": "featx / PyTorch",
        "end_to_end/model": "featx / its model alone",
        "model/matmul": "model alone / matrix products",
        "model/matmul, float32": "the same in float32",
    }
    rows = []
    for name, one in measured.items():
        kinds = {f"`{name}`": "ratios"}
        if _others(one) > BUSY:
            kinds[f"`{name}`, per core-second"] = f"ratios{PER_CORE}"
        for label, kind in kinds.items():
            spread = [one[kind].get(ratio) for ratio in heads]
            rows.append([label, *map(_spread, spread)])
    return table(["backbone", *heads.values()], rows)


def _others(measured: Measured) -> float:
    """Return the share of the processors that other processes took."""
    return median(repeat["others_cpu_share"] for repeat in measured["repeats"])


def _spread(found: dict[str, float] | None) -> str:
    if found is None:
        return NEITHER
    return f"{found['median']:.2f} ({found['min']:.2f} to {found['max']:.2f})"


def _circumstances(results: Measured) -> str:
    """Return one paragraph: what, how, on what, with what, when."""
    machine, images = results["machine"], results["images"]
    measured = results["backbones"].values()
    counts = sorted({len(one["repeats"]) for one in measured})
    often = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else f"{counts[0]}"
    others = median(map(_others, measured))
    packages = ", ".join(f"{name} {v}" for name, v in results["versions"].items())
    flags = f" ({', '.join(machine['flags'])})" if machine["flags"] else ""
    how = (
        f"{images['count']} {images['source']} JPEG files of"
        f" {images['mean_kb']:.0f} kB, to rows in memory (Keras, PyTorch) or committed"
        " to the cache (featx). Models are loaded and warm, featx's engine and"
        " precision are settled, the files are in the system's memory. Interleaved;"
        f" medians of {often} repeats."
    )
    where = (
        f"{machine['cpu']}, {machine['cores']} cores{flags},"
        f" {machine['memory_gib']:.0f} GiB; {packages}; {results['date']}. Other"
        f" processes took {others:.0%} of the processors."
    )
    return "\n".join([how, where, *_exceptions(results["backbones"])])


def _exceptions(measured: Measured) -> list[str]:
    """Return what is not as one would expect, a sentence each."""
    random = [f"`{n}`" for n, one in measured.items() if one["weights"] == "random"]
    reasons = {one["torch"].get("skipped") for one in measured.values()} - {None}
    told = []
    if random:
        told.append(
            f"Random weights in {', '.join(random)}: speed does not depend on them."
        )
    return told + [f"Without PyTorch: {reason}." for reason in sorted(reasons)]
