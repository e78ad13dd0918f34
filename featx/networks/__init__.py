"""Networks trained from scratch: the baselines that show what transfer is worth."""

from featx.networks.table import NETWORKS, Network, find_network

__all__ = ["NETWORKS", "Network", "find_network"]
