"""``optbench-results``: what sweeps have left behind, for people and for other programs."""
