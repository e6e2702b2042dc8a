"""What the interpreter in a box runs first: it makes the box ready, waits for one job, and becomes it.

This file is sent as text (`python -c`) and imports nothing of ours. Both messages come over standard input, each
with its length before it; what is left there is the job's own standard input.
"""

from __future__ import annotations

import builtins
import gc
import marshal
import os
import sys
from _sitebuiltins import Quitter

TYPE_CHECKING = False  # typing takes longer to import than all the rest
if TYPE_CHECKING:
    from typing import Any

READY = b"\x06"


def receive() -> Any:
    """The next message; ends the process if there is none, for then whoever started it is gone."""
    length = int.from_bytes(read(8), "little")
    return marshal.loads(read(length))  # noqa: S302 - it comes from the process that started us


def read(count: int) -> bytes:
    """Exactly so many bytes of standard input, and not one more."""
    pieces = []
    while count:
        piece = os.read(0, min(count, 1 << 20))
        if not piece:
            os._exit(0)
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def prepare(setup: dict[str, Any]) -> None:
    """Enter the work folder and lower the limits; then raise what walls the process builds around itself."""
    os.chdir(setup["work"])
    os.umask(0o077)
    if setup["walls"]:
        build: dict[str, Any] = {"__name__": "walls"}
        exec(setup["walls"], build)  # noqa: S102 - likewise
        build["build"](setup)
    import resource  # a module of Unix alone, and only here is this surely one

    for number, soft, hard in setup["limits"]:
        resource.setrlimit(number, (soft, hard))
    for name in ("exit", "quit"):  # the module site makes them, which is not loaded here; scripts end with them
        setattr(builtins, name, Quitter(name, "Ctrl-D (i.e. EOF)"))
    gc.freeze()  # what is there by now stays to the end: two milliseconds less of collecting when the job is done


def place(files: dict[str, bytes]) -> None:
    """Write the job's files into the work folder; tell that they are there, or why they cannot be."""
    try:
        for name, content in files.items():
            folder = os.path.dirname(name)
            if folder:
                os.makedirs(folder, exist_ok=True)
            with open(name, "wb") as file:
                file.write(content)
    except (OSError, ValueError) as error:
        os.write(2, ascii(error).encode())
        os._exit(1)
    os.write(1, READY)


def become(job: dict[str, Any]) -> None:
    """Run the job's code as `__main__`; an error is told as the interpreter would tell it, without our frames."""
    place({"../main.py": job["code"].encode("utf-8", "replace"), **job["files"]})
    module = type(sys)("__main__")
    module.__dict__.update(__file__="main.py", __builtins__=__builtins__)
    sys.modules["__main__"] = module
    sys.argv = ["main.py", *job["argv"]]
    sys.path[:] = [os.getcwd(), *sys.path, *job["paths"]]
    try:
        # The name is where a traceback finds the source; the work folder itself holds only what the job puts there.
        exec(compile(job["code"], "../main.py", "exec", dont_inherit=True), module.__dict__)  # noqa: S102
        return
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - an outer door: the interpreter ends with whatever it was
        own = error.__traceback__
        error.__traceback__ = own.tb_next if own else None
        sys.excepthook(type(error), error, error.__traceback__)
        code = 130 if isinstance(error, KeyboardInterrupt) else 1
    sys.exit(code)


if __name__ == "__main__":
    prepare(receive())
    os.write(1, READY)
    become(receive())
