"""Networks trained from scratch: the baselines that show what transfer is worth."""
