"""What a section of a run's page is made of."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from featx.figures.style import png
from featx.reports.pictures import Picture, picture
from featx.reports.writing import environment
from featx.runs.cv_predictions import CvPredictions
from featx.runs.predictions import RunPredictions
from featx.runs.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass
class RunPage:
    """What sections read of a run, each file once, and the figures that they draw.

    Attributes
    ----------
    run : Run
    figures : dict of str to bytes
        File name to PNG: written beside the page.
    """

    run: Run
    figures: dict[str, bytes] = field(default_factory=dict)

    @cached_property
    def predictions(self) -> RunPredictions:
        """The content of `predictions.csv`."""
        return self.run.predictions()

    @cached_property
    def cv_predictions(self) -> CvPredictions | None:
        """The content of `cv_predictions.h5`; None where the run has none."""
        return self.run.cv_predictions()

    def draw(self, name: str, figure: "Figure", alt: str) -> Picture:
        """Return a figure for the page, and keep it as a file of its own.

        Parameters
        ----------
        name : str
            Of the file, without its suffix.
        figure : matplotlib.figure.Figure
        alt : str
            What it shows, in words.
        """
        content = png(figure)
        self.figures[f"{name}.png"] = content
        return picture(content, alt, link=f"{name}.png")


@dataclass(frozen=True)
class Section:
    """A section of the page.

    Attributes
    ----------
    title : str
    template : str
        Jinja; it has `run`, and what `content` returns.
    content : callable
        Returns the values for the template, None where the run has no such section.
    prose : bool
        Text in lines of readable length.
    marked : bool
        Whether the title is tagged where the backbone's weights are random.
    """

    title: str
    template: str
    content: Callable[[RunPage], dict[str, Any] | None]
    prose: bool = False
    marked: bool = False

    def render(self, page: RunPage) -> str:
        """Return its content as HTML, empty where the run has no such section."""
        content = self.content(page)
        if content is None:
            return ""
        template = environment().from_string(self.template)
        return template.render(run=page.run, **content)
