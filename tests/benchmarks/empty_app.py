"""A Hydra application that does nothing, for the benchmarks of launchers."""

from __future__ import annotations

from dataclasses import dataclass

import hydra
from hydra.core.config_store import ConfigStore


@dataclass
class Conf:
    """One number to sweep over."""

    x: int = 0


ConfigStore.instance().store(name="config", node=Conf)


@hydra.main(version_base="1.3", config_path=None, config_name="config")
def run(cfg: Conf) -> int:
    """The job."""
    return cfg.x


if __name__ == "__main__":
    run()
