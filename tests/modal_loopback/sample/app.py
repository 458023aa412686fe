"""An app whose one function does, step by step, what a test tells it."""

from __future__ import annotations

import importlib.util
import os
import time
from pathlib import Path
from typing import Any

import modal

VERSION = 1

app = modal.App("sample")
volume = modal.Volume.from_name("results", create_if_missing=True)
image = modal.Image.debian_slim().env({"COLOR": "deep blue"})


@app.function(image=image, volumes={"/results": volume}, timeout=60)
def work(steps: list[list[Any]]) -> list[Any]:
    """What each step gives."""
    return [step(name, *values) for name, *values in steps]


def step(name: str, *values: Any) -> Any:
    """One step."""
    match name, *values:
        case ["write", path, text]:
            place = Path("/results", path)
            place.parent.mkdir(parents=True, exist_ok=True)
            return place.write_text(text)
        case ["fill", path, size]:
            return Path("/results", path).write_bytes(b"x" * size)
        case ["read", path]:
            place = Path("/results", path)
            return place.read_text() if place.exists() else None
        case ["remove", path]:
            return Path("/results", path).unlink()
        case ["rename", old, new]:
            Path("/results", old).rename(Path("/results", new))
        case ["commit"]:
            return volume.commit()
        case ["reload"]:
            return volume.reload()
        case ["reload_with_open_file", path]:
            with Path("/results", path).open("a"):
                return volume.reload()
        case ["sleep", seconds]:
            time.sleep(seconds)
        case ["print", text]:
            print(text, flush=True)
        case ["env", key]:
            return os.environ.get(key)
        case ["importable", module]:
            return importlib.util.find_spec(module) is not None
        case ["about"]:
            return [modal.is_local(), modal.current_function_call_id(), VERSION, os.getpid()]
        case ["text", size]:
            return "y" * size
        case ["raise", text]:
            raise ValueError(text)
        case ["exit", code]:
            os._exit(code)
        case _:
            raise ValueError(f"no step {name}")
    return None
