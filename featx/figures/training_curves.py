"""Training curves as a figure."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from featx.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Curves = Mapping[str, NDArray[np.float64]]

WARMUP = "warm-up: the head alone"

BEFORE: dict[str, Any] = {
    "color": style.ORANGE,
    "linewidth": 1.2,
    "linestyle": (0, (1, 1.5)),
    "zorder": 1,
}
"""How a level that was there before training is drawn."""


def curves_figure(
    history: Curves,
    subtitle: str,
    *,
    chosen: int | None = None,
    before: float | None = None,
) -> "Figure":
    """Draw loss and accuracy over the epochs, training and validation.

    Parameters
    ----------
    history : Mapping
        `epoch` and at least one of `loss`, `accuracy`, `val_loss`, `val_accuracy`;
        one value per epoch. `learning_rate` gets a panel of its own; epochs where
        `phase` is 0 are marked as the warm-up of the head.
    subtitle : str
    chosen : int, optional
        Which epoch is marked, from 1 on, and none where it is 0; that with the least
        `val_loss` by default.
    before : float, optional
        Validation accuracy before the first epoch.
    """
    rated = "learning_rate" in history
    figure = style.new_figure(11 if rated else 9.6, 3.9)
    widths = (1, 1, 0.6) if rated else (1, 1)
    left, right, *rest = figure.subplots(
        1, len(widths), gridspec_kw={"wspace": 0.06, "width_ratios": widths}
    )
    epochs = history["epoch"]
    best = best_epoch(history) if chosen is None else chosen - 1
    which = "best" if chosen is None else "chosen"
    for axes, name in ((left, "loss"), (right, "accuracy")):
        _draw_measure(axes, history, name)
        _finish_curves(axes, name, epochs)
        if best is not None and best >= 0:
            _mark_best(axes, epochs[best], history[f"val_{name}"], best, which)
    if before is not None:
        right.axhline(before, label="validation, before", **BEFORE)
    left.set_ylim(bottom=0)
    right.set_ylim(top=min(1.0, right.get_ylim()[1] + 0.03))
    for axes in rest:
        _draw_rates(axes, epochs, history["learning_rate"])
    for axes in (left, right, *rest):
        _mark_warmup(axes, epochs, history.get("phase"))
    style.legend(figure)
    style.head(left, "Training curves", subtitle)
    return figure


def reconstruction_figure(history: Curves, subtitle: str) -> "Figure":
    """Draw the loss of an autoencoder over the epochs, training and validation.

    Parameters
    ----------
    history : Mapping
        `epoch` and `loss`, and `val_loss` where images were held out: the epoch in
        which it is least is marked. `learning_rate` gets a panel of its own.
    subtitle : str
    """
    rated = "learning_rate" in history
    figure = style.new_figure(7 if rated else 5.2, 3.9)
    panels = (1, 0.6) if rated else (1,)
    axes, *rest = figure.subplots(
        1, len(panels), squeeze=False, gridspec_kw={"width_ratios": panels}
    )[0]
    epochs = history["epoch"]
    _draw_measure(axes, history, "loss")
    _finish_curves(axes, "mean squared error", epochs)
    best = _least_loss(history)
    if best is not None:
        _mark_best(axes, epochs[best], history["val_loss"], best, "best")
    axes.set_ylim(bottom=0)
    for other in rest:
        _draw_rates(other, epochs, history["learning_rate"])
    style.legend(figure)
    style.head(axes, "Reconstruction loss", subtitle)
    return figure


def _draw_measure(axes: "Axes", history: Curves, name: str) -> None:
    """Draw what was measured in training and, where it was, in validation."""
    for key, label, colour in (
        (name, "training", style.BLUE),
        (f"val_{name}", "validation", style.ORANGE),
    ):
        if key in history:
            _draw_curve(axes, history["epoch"], history[key], label=label, color=colour)


def _draw_rates(
    axes: "Axes", epochs: NDArray[np.float64], rates: NDArray[np.float64]
) -> None:
    """Draw the learning rate on a logarithmic scale of whole decades."""
    _draw_curve(axes, epochs, rates, color=style.GREEN)
    _finish_curves(axes, "learning rate", epochs)
    above = rates[rates > 0]
    if len(above):
        low = np.floor(np.log10(above.min()))
        high = max(np.ceil(np.log10(above.max())), low + 1)
        axes.set_yscale("log")
        axes.set_ylim(10**low / 1.2, 10**high * 1.2)


def _mark_warmup(
    axes: "Axes", epochs: NDArray[np.float64], phases: NDArray[np.float64] | None
) -> None:
    """Shade the epochs in which the head was trained alone."""
    if phases is None or not (phases == 0).any():
        return
    end = min(epochs[phases == 0].max() + 0.5, axes.get_xlim()[1])
    start = axes.get_xlim()[0]
    axes.axvspan(start, end, color=style.GRID, alpha=0.6, zorder=0, label=WARMUP)


def warmup_epochs(history: Curves) -> int:
    """Return in how many epochs the head was trained alone."""
    return int(np.sum(history.get("phase", np.ones(1)) == 0))


def best_epoch(history: Curves) -> int | None:
    """Return the index of the epoch with the least validation loss."""
    return _least_loss(history) if "val_accuracy" in history else None


def _least_loss(history: Curves) -> int | None:
    losses = history.get("val_loss")
    if losses is None or not np.isfinite(losses).any():
        return None
    return int(np.nanargmin(losses))


def _draw_curve(
    axes: "Axes",
    epochs: NDArray[np.float64],
    values: NDArray[np.float64],
    **look: Any,
) -> None:
    # A dot on each epoch while they can be distinguished.
    marker = "o" if len(epochs) <= 30 else None
    axes.plot(epochs, values, marker=marker, markersize=3.5, linewidth=1.8, **look)


def _mark_best(
    axes: "Axes", epoch: float, values: NDArray[np.float64], best: int, which: str
) -> None:
    axes.axvline(
        epoch,
        color=style.MUTED,
        linewidth=1,
        linestyle=style.DASHED,
        label=f"{which} epoch: {epoch:.0f}",
        zorder=1,
    )
    axes.plot(
        [epoch],
        [values[best]],
        "o",
        markersize=9,
        markerfacecolor="none",
        markeredgecolor=style.INK,
        markeredgewidth=1.4,
    )


def _finish_curves(axes: "Axes", name: str, epochs: NDArray[np.float64]) -> None:
    from matplotlib.ticker import MaxNLocator

    style.apply(axes, grid="y")
    axes.set(xlabel="epoch", ylabel=name)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    margin = 0.02 * max(float(np.ptp(epochs)), 1.0)
    axes.set_xlim(epochs.min() - margin, epochs.max() + margin)
