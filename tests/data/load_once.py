"""Loads datasets in a process of its own, and tells what they hold or what was wrong, as JSON.

python tests/data/load_once.py '[{"source": {"kind": "hub", ...}, "slices": {...}}, ...]'
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from omegaconf import OmegaConf

from optbench.config.schema import DatasetConf
from optbench.data.load import load
from optbench.errors import DataError


def loaded(plain: dict[str, Any]) -> dict[str, Any]:
    """One dataset."""
    conf: Any = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(DatasetConf), plain))
    began = time.perf_counter()
    told: dict[str, Any] = {}
    try:
        data = load(conf)
        told["fingerprints"] = {part.name: part.fingerprint for part in data}
        told["first"] = {part.name: dict(part.items[0].row) for part in data}
        told["counts"] = [len(part) for part in data]
    except DataError as error:
        told["error"] = {"key": error.key, "what": error.what, "mend": error.mend}
    told["seconds"] = time.perf_counter() - began
    told["imported_datasets"] = "datasets" in sys.modules
    return told


if __name__ == "__main__":
    print(json.dumps([loaded(plain) for plain in json.loads(sys.argv[1])]))
