"""Hydra's own suite for launchers, on the Modal engine over loopback.

What it cannot have on a remote engine is said where it is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import modal
import pytest
from hydra.test_utils.launcher_common_tests import LauncherTestSuite
from modal_loopback.peer import loopback, unavailable

from optbench.preflight import PreflightError
from optbench_modal import cloud
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


def test_mends_are_whole_commands() -> None:
    """Beside Hydra's own, since here a client is at hand that need not be started."""
    conf: dict[str, Any] = {
        "app": "optbench", "volume": "optbench-results", "environment": None, "packages": [],
        "extras": [], "cpu": None, "memory_mb": None,
    }  # fmt: skip
    modal.Secret.objects.create("half", {"A_API_KEY": "a"})
    keys = ["A_API_KEY", "B_API_KEY"]
    told = {
        ("half",): "modal: secret  Secret 'half' is missing key(s): B_API_KEY\n",
        ("none",): "optbench-modal secret none --key A_API_KEY --key B_API_KEY",
        (): "hydra.launcher.modal.secrets=[opik-benchmarks]",
    }
    for secrets, said in told.items():
        given = {**conf, "secrets": list(secrets)}
        with pytest.raises(PreflightError) as caught:
            cloud.connect(given, keys=keys, n_jobs=1, timeout_s=None)
        assert said in str(caught.value)
        assert ("--key A_API_KEY --key B_API_KEY --overwrite" in str(caught.value)) == (
            secrets == ("half",)
        )
    assert cloud.connect({**conf, "secrets": []}, keys=[], n_jobs=1, timeout_s=None).function
