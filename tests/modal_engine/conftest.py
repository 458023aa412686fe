"""A loopback Modal with the app deployed, one for the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from modal_engine.cloud import optbench_modal
from modal_loopback.peer import Loopback, loopback, unavailable


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loopback]:
    """The running server."""
    if why := unavailable():
        pytest.skip(f"no containers here: {why}")
    with loopback() as running:
        # Beside a clean environment: of this process's own only where the server is.
        running.env = {k: v for k, v in running.env.items() if k.startswith("MODAL_")}
        done = optbench_modal("deploy", cwd=tmp_path_factory.mktemp("deploy"), peer=running)
        assert done.returncode == 0, done.stderr + done.stdout
        yield running
