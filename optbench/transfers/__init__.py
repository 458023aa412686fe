"""The prompts of finished sweeps as rows of another: ``transfer=<sweep dir>``."""
