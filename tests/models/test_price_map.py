"""Prices read from litellm's file are those that litellm says, without its import."""

from __future__ import annotations

import subprocess
import sys

from support import clean_environment

CODE = """
import sys
from optbench.models.price_map import listed_price
names = ["openai/gpt-4.1-mini", "openai/gpt-4o-mini", "anthropic/claude-haiku-4-5",
         "gemini/gemini-2.5-flash", "openrouter/qwen/qwen3-8b", "openai/nobody",
         "groq/llama-3.3-70b-versatile"]
quick = [listed_price(name) for name in names]
assert "litellm" not in sys.modules
from optbench.models import remote
slow = [remote.listed_price(name) for name in names]
assert quick == slow, (quick, slow)
assert sum(one is not None for one in quick) >= 4, quick
"""


def test_the_file_says_what_litellm_says() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env={**clean_environment(), "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
