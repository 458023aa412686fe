"""The Modal app: one function that runs one task. Imported here to deploy it, and in each container."""

from __future__ import annotations

import os
from importlib.metadata import distribution
from pathlib import Path

import modal

from optbench_modal.names import CODE_VARIABLE, FUNCTION, MOUNT, SOURCE, SOURCE_VARIABLES, Names
from optbench_modal.source import LEFT_OUT, Source

TIMEOUT_S = 24 * 60 * 60
"""Modal's longest, for a task says itself how long it may take; its own default is 300."""


def told_source() -> Source:
    """What is to be deployed."""
    return Source(*(tuple(os.environ.get(name, "").split()) for name in SOURCE_VARIABLES))


def _image(source: Source, names: Names) -> modal.Image:
    image = modal.Image.debian_slim(source.python).uv_pip_install(*source.pins())
    if source.weights():
        image = image.uv_pip_install(*source.weights(), extra_options="--no-deps")
    image = image.env(
        {CODE_VARIABLE: source.fingerprint(), **names.as_environment(), "PYTHONUNBUFFERED": "1"}
    )
    for remote, folder in source.folders().items():
        if folder.is_file():
            image = image.add_local_file(folder, f"{SOURCE}/{remote}.py")
        else:
            image = image.add_local_dir(
                folder, f"{SOURCE}/{remote}", ignore=[f"**/{one}" for one in LEFT_OUT]
            )
    # So that results there name the version of optbench as they do here.
    own = distribution("optbench")
    metadata = Path(str(own.locate_file(f"optbench-{own.version}.dist-info"))) / "METADATA"
    return image.add_local_file(metadata, f"{SOURCE}/{metadata.parent.name}/METADATA")


_names = Names.from_environment()
app = modal.App(_names.app)
volume = modal.Volume.from_name(
    _names.volume, environment_name=_names.environment, create_if_missing=True
)
claims = modal.Dict.from_name(
    _names.claims, environment_name=_names.environment, create_if_missing=True
)


# Options that a launch gives take the place of these; the result is CBOR, so that nothing is
# unpickled where it is read.
@app.function(
    name=FUNCTION,
    # In a container the image is there already.
    image=_image(told_source(), _names) if modal.is_local() else modal.Image.debian_slim(),
    volumes={MOUNT: volume},
    timeout=TIMEOUT_S,
    retries=0,
    include_source=False,
    _experimental_restrict_output=True,
)
def run_task(payload: str) -> str:
    """Runs one task; see :mod:`optbench_modal.worker`."""
    from optbench_modal import worker

    call = modal.current_function_call_id() or ""
    own = worker.Claim(
        call, lambda key: bool(claims.put(key, call, skip_if_exists=True)), claims.get
    )
    mounted = worker.Mounted(Path(MOUNT), volume.commit, volume.reload)
    return worker.answer(payload, mounted, own)
