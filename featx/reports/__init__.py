"""Reports: a run's figures and page, and the leaderboard over all runs."""
