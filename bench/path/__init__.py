"""The path: what a relayed request costs, as ratios in one run."""
