"""Reports: a run's figures and page, and the leaderboard over all runs."""

from featx.reports.leaderboard import render_leaderboard
from featx.reports.page import is_current, render_run

__all__ = ["is_current", "render_leaderboard", "render_run"]
