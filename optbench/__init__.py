"""optbench: the benchmark for prompt optimizers."""

__version__ = "0.1.0"
