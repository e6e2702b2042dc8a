"""Does anything get out of the sandbox, and what does it cost? `python -m benchmarks.sandbox [--latency] [--json]`.

Runs every attempt of `sandbox_attacks.py`, and those of a file given with `--attacks`, in a box of its own, as an
ordinary user (root becomes one), on each back end, among canaries: a secret file, a folder, a variable, a process,
TCP, UDP, abstract and file sockets, shared memory, a key, an open descriptor, another box. An escape is a line that
the attempt prints, or a canary that was touched, or something left behind. Exit code 1: something escaped.

`--without WALL` takes a wall out (seccomp, files, network, processes, environment; limits for all limits at once), to
see that the attempts find the hole.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import re
import runpy
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from assay.sandbox.bubblewrap import Bubblewrap
from assay.sandbox.interpreter import arguments, owner_mark
from assay.sandbox.landlock import Landlock
from assay.sandbox.probe import BACKENDS, Backend
from assay.sandbox.python import Limits, Outcome, PythonRoom
from benchmarks import ordinary_user
from benchmarks.sandbox_attacks import ATTACKS

LIMITS = Limits(wall_s=4.0, cpu_s=5, output_bytes=1 << 20)
NO_LIMITS = Limits(
    wall_s=12.0, cpu_s=600, memory_bytes=1 << 40, file_bytes=1 << 40, work_bytes=1 << 34, work_files=10**9,
    output_bytes=1 << 30,
)  # fmt: skip
_OVERRUN_S = 6.0
_KEYCTL_ADD = {"x86_64": 248, "aarch64": 217}


class Verdict(NamedTuple):
    """What became of one attempt: `escapes` are the reasons to call it one."""

    name: str
    escapes: tuple[str, ...]
    surface: bool
    wall_s: float
    said: str


class Arena:
    """The canaries. Everything that an attempt must not reach, and how to tell that it did."""

    def __init__(self, folder: Path) -> None:
        self.secret, self.outside = folder / "secret" / "id_key", folder / "outside"
        self.secret.parent.mkdir()
        self.outside.mkdir()
        self.secret.write_text("CANARY-secret-key")
        os.environ["SECRET_TOKEN"] = "CANARY-variable"  # noqa: S105 - a canary
        self.hits: list[str] = []
        self._descriptor = os.open(self.secret, os.O_RDONLY)
        os.set_inheritable(self._descriptor, True)
        self._sockets = self._listen(folder)
        libc = ctypes.CDLL(None, use_errno=True)
        self._memory_key = 0x5EC0DE + os.getpid() % 1000
        self._memory = libc.shmget(self._memory_key, 4096, 0o1666)
        libc.syscall(_KEYCTL_ADD[os.uname().machine], b"user", b"assistant_canary", b"CANARY", 6, -4)
        self._start_process()
        self.reset()

    def _listen(self, folder: Path) -> list[socket.socket]:
        tcp, udp = socket.socket(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        abstract, named = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        self._abstract, self._named = f"assay-canary-{os.getpid()}", str(self.outside / "socket")
        tcp.bind(("127.0.0.1", 0))
        udp.bind(("127.0.0.1", 0))
        abstract.bind("\0" + self._abstract)
        named.bind(self._named)
        for name, server in {"tcp": tcp, "abstract": abstract, "named": named}.items():
            server.listen()
            threading.Thread(target=self._accept, args=(name, server), daemon=True).start()
        threading.Thread(target=self._receive, args=(udp,), daemon=True).start()
        self._tcp_port, self._udp_port = tcp.getsockname()[1], udp.getsockname()[1]
        return [tcp, udp, abstract, named]

    def _accept(self, name: str, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = server.accept()
                self.hits.append(name)
                with client, contextlib.suppress(OSError):
                    client.sendall(b"ok")

    def _receive(self, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                _, sender = server.recvfrom(16)
                if sender is None:
                    return
                self.hits.append("udp")
                server.sendto(b"ok", sender)

    def _start_process(self) -> None:
        self.process = subprocess.Popen(["/bin/sleep", "3600"], env={"K": "CANARY-process"})

    def fill(self, code: str, neighbour: str) -> str:
        """Put what an attempt may aim at in the place of its placeholders."""
        for mark, value in {
            "@SECRET@": self.secret, "@OUT@": self.outside, "@TCP@": self._tcp_port, "@UDP@": self._udp_port,
            "@ABS@": self._abstract, "@UNIX@": self._named, "@CANARYPID@": self.process.pid,
            "@PARENTPID@": os.getpid(), "@SHMKEY@": self._memory_key, "@WORK@": self.outside,
            "@NEIGHBOUR@": neighbour,
        }.items():  # fmt: skip
            code = code.replace(mark, str(value))
        return code

    def touched(self) -> Iterator[str]:
        """What happened to the canaries since the last reset."""
        yield from (f"{name} socket was reached" for name in self.hits)
        names = {path.name for path in self.outside.iterdir()}
        if names != {"marker", "trunc", "socket"}:
            yield f"folder outside has {sorted(names)}"
        marker, cut = self.outside / "marker", self.outside / "trunc"
        if marker.exists() and (marker.stat().st_mode & 0o777 != 0o644 or marker.stat().st_mtime_ns != self._modified):
            yield "mode or time of a file outside"
        if cut.exists() and cut.read_text() != "kept":
            yield "a file outside was changed"
        if Path("/dev/shm/assistant_pwn").exists():  # noqa: S108 - where an attempt of the other file writes
            yield "a file in the machine's shared memory"
        if self.process.poll() is not None or _state(self.process.pid) == "T":
            yield "a process outside was killed or stopped"

    def reset(self) -> None:
        """Everything as before the next attempt."""
        self.hits.clear()
        for path in self.outside.iterdir():
            if path.name != "socket":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for place in ("/dev/shm/assistant_pwn", "/tmp/assistant_big"):  # noqa: S108 - likewise
            Path(place).unlink(missing_ok=True)
        (self.outside / "marker").write_text("m")
        (self.outside / "marker").chmod(0o644)
        (self.outside / "trunc").write_text("kept")
        self._modified = (self.outside / "marker").stat().st_mtime_ns
        if self.process.poll() is not None or _state(self.process.pid) == "T":
            self.process.kill()
            self.process.wait()
            self._start_process()

    def close(self) -> None:
        """Take all of it away."""
        self.process.kill()
        self.process.wait()
        for server in self._sockets:
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            server.close()
        os.close(self._descriptor)
        ctypes.CDLL(None).shmctl(self._memory, 0, 0)
        os.environ.pop("SECRET_TOKEN", None)


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def guests(owner: int | None = None) -> set[int]:
    """Processes that began as a box of this process, or of another `owner`."""
    found = set()
    mark = owner_mark(owner or os.getpid()).encode() + b"\0"
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (entry / "cmdline").read_bytes().endswith(mark):
                found.add(int(entry.name))
    return found


def folders(owner: int | None = None) -> set[str]:
    """The folders of boxes of this process, or of another `owner`."""
    return {path.name for path in Path(tempfile.gettempdir()).glob(f"assay-box-{owner or os.getpid()}-*")}


@contextlib.contextmanager
def neighbour(room: PythonRoom) -> Iterator[str]:
    """Another box that runs meanwhile; yields the path of a file in its work folder, as it is seen from outside."""
    before, boxes = folders(), guests()
    thread = threading.Thread(target=_run_quietly, args=(room,))
    thread.start()
    path = ""
    until_s = time.monotonic() + 10
    while not path and time.monotonic() < until_s:
        time.sleep(0.02)
        places = [Path(tempfile.gettempdir(), name, "work") for name in folders() - before]
        places += [Path(f"/proc/{pid}/root/box/work") for pid in guests() - boxes]
        path = next((str(place / "neighbour") for place in places if (place / "neighbour").exists()), "")
    try:
        yield path or "/nowhere"
    finally:
        room.close()
        thread.join()


def _run_quietly(room: PythonRoom) -> None:
    with contextlib.suppress(Exception):  # it is closed while it runs
        room.run("import time; time.sleep(3600)", files={"neighbour": b"CANARY-neighbour"})


def judge(name: str, outcome: Outcome, arena: Arena, limits: Limits, behind: set[str]) -> Verdict:
    """Tell from what an attempt said, and from the canaries, whether it got out."""
    said = outcome.stdout.decode("utf-8", "replace")
    escapes = list(arena.touched())
    if re.search(r"^ESC", said, re.MULTILINE) and name != "chmod_outside":  # that one is judged by the mode
        escapes.append("it says so: " + next(line for line in said.splitlines() if line.startswith("ESC"))[:80])
    if said.count("child ok") >= 4:
        escapes.append("four times the memory, in children")
    if outcome.wall_s > LIMITS.wall_s + _OVERRUN_S:
        escapes.append(f"ran for {outcome.wall_s:.1f} s")
    if max(len(outcome.stdout), len(outcome.stderr)) > LIMITS.output_bytes:
        escapes.append("output over the cap")
    escapes += [f"left behind: {one}" for one in sorted(behind)]
    last = (said.strip() or outcome.stderr.decode("utf-8", "replace").strip()).splitlines()[-1:]
    surface = bool(re.search(r"^SURF", said, re.MULTILINE))
    return Verdict(name, tuple(escapes), surface, outcome.wall_s, outcome.stopped or (last[0][:110] if last else ""))


def attempt_all(backend: Backend, attacks: dict[str, str], limits: Limits, tell: Callable[[Verdict], None]) -> None:
    """Run every attempt in a room of its own and tell the verdict."""
    with tempfile.TemporaryDirectory(prefix="assay-arena-") as folder:
        arena = Arena(Path(folder))
        try:
            with neighbour(PythonRoom(backend=backend, limits=Limits(wall_s=3600.0))) as beside:
                for name, code in attacks.items():
                    arena.reset()
                    tell(_attempt(backend, name, arena.fill(code, beside), arena, limits))
        finally:
            arena.close()


def _attempt(backend: Backend, name: str, code: str, arena: Arena, limits: Limits) -> Verdict:
    boxes, places, descriptors = guests(), folders(), len(os.listdir("/proc/self/fd"))
    outcome = PythonRoom(backend=backend, limits=limits).run(code)
    if name == "daemonise":
        time.sleep(5)  # what it left would write after 7 s
    behind = {f"process {pid}" for pid in guests() - boxes} | {f"folder {name}" for name in folders() - places}
    if not _comes_down_to(descriptors):
        behind.add("descriptors")
    for pid in guests() - boxes:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    return judge(name, outcome, arena, limits, behind)


def _comes_down_to(descriptors: int) -> bool:
    """True once no more are open; the watch of the box beside opens some for a moment."""
    until_s = time.monotonic() + 2
    while len(os.listdir("/proc/self/fd")) > descriptors:
        if time.monotonic() > until_s:
            return False
        time.sleep(0.01)
    return True


def latency(backend: Backend, count: int) -> dict[str, float]:
    """Milliseconds for `print(6*7)`: a bare `python -I -S`, a cold box, a waiting box; the runs take turns."""
    code, times = "print(6*7)", {"bare": [], "cold": [], "warm": []}  # type: ignore[var-annotated]
    with PythonRoom(backend=backend) as cold, PythonRoom(backend=backend, warm=1) as warm:
        runs = {
            "bare": lambda: subprocess.run([arguments("")[0], "-I", "-S", "-c", code], capture_output=True, check=True),
            "cold": lambda: cold.run(code),
            "warm": lambda: warm.run(code),
        }
        for _ in range(count):
            for name, run in runs.items():
                assert warm._pool is not None
                warm._pool.wait(30)
                began_s = time.perf_counter()
                assert run().stdout == b"42\n"
                times[name].append((time.perf_counter() - began_s) * 1e3)
    figures = {}
    for name, values in times.items():
        figures |= {f"{name}_p50_ms": round(statistics.median(values), 1), f"{name}_min_ms": round(min(values), 1)}
    over = [cold_ms - bare_ms for bare_ms, cold_ms in zip(times["bare"], times["cold"], strict=True)]
    return figures | {"cold_over_bare_p50_ms": round(statistics.median(over), 1)}


def _backend(name: str, without: frozenset[str]) -> Backend:
    kept = without - {"limits"}
    return Bubblewrap(without=kept) if name == "bubblewrap" else Landlock(without=kept)


def _as_ordinary_user(given: argparse.Namespace) -> int:
    """Do the same again as somebody else, with a copy of the attacks that he can read."""
    with tempfile.TemporaryDirectory(prefix="assay-attacks-") as folder:
        Path(folder).chmod(0o755)
        words = ["-m", "benchmarks.sandbox", *sys.argv[1:]]
        if given.attacks:
            copied = shutil.copy(given.attacks, folder)
            os.chmod(copied, 0o644)
            words += ["--attacks", str(copied)]
        return ordinary_user.run(words)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sandbox", description=__doc__)
    parser.add_argument("--attacks", help="a Python file with a dictionary T of further attempts")
    parser.add_argument("--only-attacks", action="store_true", help="those of the file alone")
    parser.add_argument("--backend", choices=sorted(BACKENDS), action="append", help="default: all")
    parser.add_argument("--without", action="append", default=[], metavar="WALL", help="take a wall out")
    parser.add_argument("--only", help="names of attempts, with commas between")
    parser.add_argument("--latency", type=int, metavar="N", help="measure start-up over N runs instead")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if os.geteuid() == 0:
        sys.exit(_as_ordinary_user(given))
    attacks = {} if given.only_attacks else dict(ATTACKS)
    attacks |= runpy.run_path(given.attacks)["T"] if given.attacks else {}
    if given.only:
        attacks = {name: attacks[name] for name in given.only.split(",")}
    without = frozenset(given.without)
    results: dict[str, Any] = {}
    for name in given.backend or BACKENDS:
        backend = _backend(name, without)
        if given.latency:
            results[name] = latency(backend, given.latency)
            continue
        verdicts: list[Verdict] = []

        def tell(verdict: Verdict, backend: str = name, verdicts: list[Verdict] = verdicts) -> None:
            verdicts.append(verdict)
            if not given.json:
                word = "ESCAPED" if verdict.escapes else "SURFACE" if verdict.surface else "held"
                said = "; ".join(verdict.escapes) or verdict.said
                print(f"{backend:10} {word:7} {verdict.name:22} {verdict.wall_s:5.2f} s  {said}", flush=True)

        attempt_all(backend, attacks, NO_LIMITS if "limits" in without else LIMITS, tell)
        results[name] = {
            "attempts": len(verdicts),
            "escaped": {one.name: one.escapes for one in verdicts if one.escapes},
            "surface": [one.name for one in verdicts if one.surface],
        }
    if given.json:
        print(json.dumps(results, indent=1))
    else:
        for name, result in results.items():
            print(name, result)
    sys.exit(any(result.get("escaped") or result.get("surface") for result in results.values()))


if __name__ == "__main__":
    main()
