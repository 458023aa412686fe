"""Hydra's own suite for launchers, on the Modal engine over loopback.

What it cannot have on a remote engine is said where it is left out.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hydra.test_utils.launcher_common_tests import LauncherTestSuite
from modal_loopback.peer import loopback, unavailable

from optbench_modal.deploy import deploy
from optbench_modal.names import Names
from optbench_modal.source import Source

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("hydras_own_version_base")]


@pytest.fixture(scope="module", autouse=True)
def modal_here() -> Iterator[None]:
    """This very process is the client: the suite calls the launcher as Hydra does."""
    if why := unavailable():
        pytest.skip(f"no containers here: {why}")
    with loopback() as peer, pytest.MonkeyPatch.context() as patch:
        for name, value in peer.env.items():
            if name.startswith("MODAL_"):
                patch.setenv(name, value)
        deploy(Names(), Source(), quiet=True)
        yield


@pytest.mark.parametrize(
    ("launcher_name", "overrides"), [("optbench", ["hydra.launcher.backend=modal"])]
)
class TestModalLauncher(LauncherTestSuite):
    pass
