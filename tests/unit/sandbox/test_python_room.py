"""What a room for Python does, on every back end that this machine and this user have.

Needs nothing of the other tests' fixtures: `test_as_user.py` runs it once more as an ordinary user.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from benchmarks.sandbox import folders, guests

from assay.errors import SandboxError, SandboxUnavailable
from assay.sandbox import probe
from assay.sandbox.box import Box
from assay.sandbox.bubblewrap import Bubblewrap
from assay.sandbox.folder import sweep
from assay.sandbox.landlock import Landlock
from assay.sandbox.pool import Pool
from assay.sandbox.python import Limits, PythonRoom

WAIT_S = 30.0


@pytest.fixture(params=sorted(probe.BACKENDS))
def backend(request: pytest.FixtureRequest) -> str:
    """The name of each back end that works here."""
    name = str(request.param)
    found = {finding.backend: finding for finding in probe.available()}[name]
    if not found.works:
        pytest.skip(f"no {name} here: {found.reason}")
    return name


@pytest.fixture
def room(backend: str) -> Iterator[PythonRoom]:
    """A room with small limits."""
    with PythonRoom(backend=backend, limits=Limits(wall_s=20.0)) as made:
        yield made


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """No process, folder or descriptor is more than before."""
    before = guests(), folders(), len(os.listdir("/proc/self/fd"))
    yield
    assert guests() <= before[0]
    assert folders() <= before[1]
    assert len(os.listdir("/proc/self/fd")) <= before[2]


def eventually(holds: Callable[[], bool]) -> bool:
    """True as soon as it holds; false if that takes too long."""
    until_s = time.monotonic() + WAIT_S
    while not holds():
        if time.monotonic() > until_s:
            return False
        time.sleep(0.01)
    return True


# ------------------------------------------------------------------------------------------- what it does


@pytest.mark.usefixtures("nothing_left")
def test_code_runs_as_a_program(room: PythonRoom) -> None:
    """The code is `__main__`, with its arguments, input and files, in a folder that holds nothing else."""
    code = (
        "import os, sys, helper\nfrom inner.more import y\n"
        "print(__name__, sys.argv, sys.stdin.read(), helper.x, y, sorted(os.listdir('.')), open('d.bin','rb').read())"
    )
    files = {"helper.py": b"x = 1", "inner/more.py": b"y = 2", "d.bin": b"\x00\xff"}
    outcome = room.run(code, files=files, stdin=b"in", argv=["a", "b c"])
    expected = "__main__ ['main.py', 'a', 'b c'] in 1 2 ['d.bin', 'helper.py', 'inner'] b'\\x00\\xff'\n"
    assert outcome.stdout.decode() == expected
    assert (outcome.stderr, outcome.exit_code, outcome.stopped) == (b"", 0, None)
    assert 0 < outcome.wall_s < WAIT_S


def test_an_error_is_told_as_python_tells_it(room: PythonRoom) -> None:
    """A traceback has the program's own lines and none of ours; the exit code is 1."""
    outcome = room.run("def f():\n    return 1 / 0\nf()\n")
    lines = outcome.stderr.decode().splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert [line for line in lines if "File" in line] == [
        '  File "../main.py", line 3, in <module>',
        '  File "../main.py", line 2, in f',
    ]
    assert "    return 1 / 0" in lines
    assert lines[-1] == "ZeroDivisionError: division by zero"
    assert outcome.exit_code == 1


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        ("import sys; sys.exit(3)", 3),
        ("import sys; sys.exit('why')", 1),
        ("exit(4)", 4),
        ("quit()", 0),
        ("raise KeyboardInterrupt", 130),
        ("import os; os.abort()", 134),
        ("import os; os.kill(os.getpid(), 9)", 137),
        ("import ctypes; ctypes.string_at(0)", 139),
        ("1 +", 1),
        ("print('\\ud800')", 1),
        ("\0", 1),
        ("print('\ud800')", 1),
        ("", 0),
    ],
)
def test_exit_codes(room: PythonRoom, code: str, exit_code: int) -> None:
    """A program's own end, whatever it is, is an outcome and no error of ours."""
    outcome = room.run(code)
    assert (outcome.exit_code, outcome.stopped) == (exit_code, None), outcome


def test_what_works_inside(room: PythonRoom) -> None:
    """Threads, an event loop, temporary files, a database and compiled modules work, so that scripts can be judged."""
    code = """
import asyncio, concurrent.futures, decimal, hashlib, json, os, random, sqlite3, tempfile, time, zoneinfo
async def later(): await asyncio.sleep(0.001); return 'loop'
with concurrent.futures.ThreadPoolExecutor(4) as pool: assert sum(pool.map(int, '1234')) == 10
with tempfile.TemporaryDirectory() as folder:
    database = sqlite3.connect(os.path.join(folder, 'a.db')); database.execute('create table t(a)'); database.commit()
    os.rename(os.path.join(folder, 'a.db'), 'moved.db')
zoneinfo.ZoneInfo('UTC'); random.random(); hashlib.sha256(b'x')
os.makedirs('a/b'); open('a/b/c', 'w').write('x'); os.remove('a/b/c'); os.removedirs('a/b')
print(asyncio.run(later()), time.strftime('%Z'), ascii('\\u00fc'))
print('\\u00fc')
"""
    outcome = room.run(code)
    assert outcome.stdout.decode() == "loop UTC '\\xfc'\nü\n", outcome.stderr.decode()


def test_the_interpreter_is_the_one_that_runs_us(room: PythonRoom) -> None:
    """To the build: its shared library too, which the linker may have to find beside it."""
    assert room.run("import sys; print(sys.version)").stdout.decode() == f"{sys.version}\n"


def test_a_crash_leaves_no_core(room: PythonRoom) -> None:
    """Neither a file nor, where the kernel hands cores to a program, a copy there: that heeds 1 and not 0 (core(5))."""
    limit = room.run("import resource; print(resource.getrlimit(resource.RLIMIT_CORE))")
    assert limit.stdout == b"(1, 1)\n"
    assert room.run("import os; os.abort()").exit_code == 128 + signal.SIGABRT


def test_equal_code_gives_equal_output(room: PythonRoom) -> None:
    """The order of a set of strings is the same in every run, so that an answer is judged alike twice."""
    code = "print(list({str(n) for n in range(50)}))"
    assert room.run(code).stdout == room.run(code).stdout


def test_readable_paths_and_packages(backend: str, tmp_path: Path) -> None:
    """What is declared readable is there under its own path and cannot be written; packages can be imported."""
    given = tmp_path / "given.txt"
    given.write_text("known")
    other = tmp_path / "other.txt"
    other.write_text("unknown")
    code = f"""
import msgspec
print(open({str(given)!r}).read(), bool(msgspec.json.encode(1)))
for attempt in (lambda: open({str(other)!r}).read(), lambda: open({str(given)!r}, 'a'),
                lambda: open(msgspec.__file__, 'r+b')):
    try: attempt(); print('reached')
    except OSError: pass
"""
    with PythonRoom(backend=backend, readable=[given], packages=True) as room:
        outcome = room.run(code)
    assert outcome.stdout == b"known True\n", outcome.stderr.decode()


def test_packages_only_when_asked_for(room: PythonRoom) -> None:
    """Without `packages` there is the standard library and nothing else."""
    assert b"ModuleNotFoundError" in room.run("import msgspec").stderr


def test_nothing_of_the_environment(room: PythonRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of ours is inside."""
    monkeypatch.setenv("ASSAY_TEST_VARIABLE", "private")
    inside = room.run("import os; print(sorted(os.environ))").stdout.decode()
    assert "ASSAY_TEST_VARIABLE" not in inside
    assert "HOME" in inside


def test_three_descriptors_and_no_more(room: PythonRoom) -> None:
    """Nothing of ours is open inside but input, output and errors."""
    code = """
import os
def is_open(number):
    try: return bool(os.fstat(number))
    except OSError: return False
print([number for number in range(1024) if is_open(number)])
"""
    read_fd, write_fd = os.pipe()
    os.set_inheritable(read_fd, True)
    try:
        assert room.run(code).stdout == b"[0, 1, 2]\n"
    finally:
        os.close(read_fd)
        os.close(write_fd)


# ------------------------------------------------------------------------------------------- limits


@pytest.mark.parametrize(
    ("limits", "code", "stopped"),
    [
        ({"wall_s": 0.5}, "import time; time.sleep(60)", "ran longer than 0.5 s"),
        ({"wall_s": 0.5}, "import os, time; os.close(1); os.close(2); time.sleep(60)", "ran longer than 0.5 s"),
        ({"cpu_s": 1}, "while True: pass", "used more than 1 s of CPU"),
        ({"output_bytes": 1000}, "print('x' * 5000)", "wrote more than 1,000 bytes to standard output"),
        ({"output_bytes": 1000}, "import sys; sys.stderr.write('x' * 5000)", "wrote more than 1,000 bytes to standard"),
        ({"work_files": 50}, "import time\nfor n in range(99): open(str(n), 'w')\ntime.sleep(60)", "made more than 50"),
    ],
)
@pytest.mark.usefixtures("nothing_left")
def test_a_run_is_stopped(backend: str, limits: dict[str, float], code: str, stopped: str) -> None:
    """A limit ends the run, and the outcome says which one it was; there is no exit code then."""
    with PythonRoom(backend=backend, limits=Limits(**({"wall_s": WAIT_S} | limits))) as room:
        outcome = room.run(code)
    assert outcome.exit_code is None
    assert (outcome.stopped or "").startswith(stopped), outcome
    assert max(len(outcome.stdout), len(outcome.stderr)) <= limits.get("output_bytes", 1 << 20)
    assert outcome.wall_s < WAIT_S


@pytest.mark.parametrize(
    ("limits", "code", "error"),
    [
        ({"memory_bytes": 200 << 20}, "bytearray(300 << 20)", b"MemoryError"),
        ({"file_bytes": 1 << 20}, "open('f', 'wb').write(bytes(2 << 20))", b"File too large"),
        ({}, "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 40, 1 << 40))", b"ValueError"),
        ({}, "import os; os.fork()", b"Operation not permitted"),
        ({}, "import socket; socket.socket()", b"Operation not permitted"),
    ],
)
def test_the_program_sees_the_limit(backend: str, limits: dict[str, int], code: str, error: bytes) -> None:
    """Where the kernel refuses, the program gets an ordinary error that it may handle."""
    with PythonRoom(backend=backend, limits=Limits(**limits)) as room:
        outcome = room.run(code)
    assert outcome.exit_code == 1
    assert error in outcome.stderr


def test_the_size_of_the_work_folder(backend: str) -> None:
    """All files together stay below the size, refused by the kernel or stopped by us."""
    code = "import time\nfor n in range(40): open(str(n), 'wb').write(bytes(1 << 20))\ntime.sleep(60)"
    with PythonRoom(backend=backend, limits=Limits(work_bytes=8 << 20)) as room:
        outcome = room.run(code)
    assert b"No space left" in outcome.stderr or outcome.stopped == "wrote more than 8,388,608 bytes of files"


@pytest.mark.parametrize("name", ["/etc/passwd", "../up", "a/../../up", "", ".", "a\0b", "./.."])
def test_file_names_stay_in_the_folder(room: PythonRoom, name: str) -> None:
    """A name that leaves the work folder, or is none, is refused before anything starts."""
    with pytest.raises(SandboxError, match="not the name of a file"):
        room.run("", files={name: b""})


def test_files_that_do_not_fit(backend: str) -> None:
    """Files larger than the work folder are refused, with both sizes."""
    with PythonRoom(backend=backend, limits=Limits(work_bytes=1 << 20)) as room, pytest.raises(SandboxError) as caught:
        room.run("", files={"a": bytes(2 << 20)})
    assert "2,097,152" in str(caught.value)
    assert "1,048,576" in str(caught.value)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"a": b"", "a/b": b""}, "exist|Not a directory"),
        ({"x" * 300: b""}, "name too long"),
        ({"\udcff\ud800": b""}, "surrogates"),
        ({"large": bytes(3 << 20)}, "File too large"),
    ],
)
def test_files_that_cannot_be_placed(backend: str, files: dict[str, bytes], reason: str) -> None:
    """Where the files cannot be written, that is an error of the call and not an answer of the program."""
    with PythonRoom(backend=backend, limits=Limits(file_bytes=2 << 20)) as room:
        with pytest.raises(SandboxError, match=f"could not be placed.*({reason})"):
            room.run("print('ran')", files=files)
        assert room.run("import os; os.write(1, b'\\x06\\x06')").stdout == b"\x06\x06"


def test_many_open_descriptors(backend: str) -> None:
    """A room works in a process with more than a thousand open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 2048)), hard))
    opened: list[int] = []
    try:
        while not opened or opened[-1] < 1100:
            opened.append(os.open(os.devnull, os.O_RDONLY))
        with PythonRoom(backend=backend) as room:
            assert room.run("print(1)").stdout == b"1\n"
    finally:
        for descriptor in opened:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_readable_path_must_exist(backend: str, tmp_path: Path) -> None:
    """A path that is not there is named when the room is made, not at its first run."""
    with pytest.raises(SandboxError, match="missing"):
        PythonRoom(backend=backend, readable=[tmp_path / "missing"])


def test_large_input_that_nobody_reads(room: PythonRoom) -> None:
    """Input that the program does not read does not keep it from ending, nor us."""
    assert room.run("print(1)", stdin=bytes(4 << 20)).stdout == b"1\n"
    assert room.run("import sys; print(len(sys.stdin.buffer.read()))", stdin=bytes(4 << 20)).stdout == b"4194304\n"


# ------------------------------------------------------------------------------------------- many, and ends


@pytest.mark.usefixtures("nothing_left")
def test_runs_side_by_side(backend: str) -> None:
    """Any thread may run something, from a cold or a waiting box; outputs do not mix."""
    with PythonRoom(backend=backend, warm=2) as room, ThreadPoolExecutor(6) as threads:
        outputs = list(threads.map(lambda n: room.run(f"print({n})").stdout, range(12)))
    assert outputs == [b"%d\n" % n for n in range(12)]


@pytest.mark.usefixtures("nothing_left")
def test_a_waiting_box_is_used_once(backend: str) -> None:
    """What one run leaves in its folder, its modules or its process is not there for the next."""
    code = "import os, sys; print(os.listdir('.'), hasattr(sys, 'mark')); sys.mark = 1; open('left', 'w')"
    with PythonRoom(backend=backend, warm=1) as room:
        for _ in range(3):
            assert room._pool is not None
            assert room._pool.wait(WAIT_S)
            assert room.run(code).stdout == b"[] False\n"


def test_a_waiting_box_that_died_is_replaced(backend: str) -> None:
    """A box that was killed while it waited costs time, not an answer."""
    before = guests()
    with PythonRoom(backend=backend, warm=1) as room:
        assert room._pool is not None
        assert room._pool.wait(WAIT_S)
        for pid in guests() - before:
            with contextlib.suppress(ProcessLookupError):  # the first took the others with it
                os.kill(pid, signal.SIGKILL)
        box = room._pool._boxes[0]
        assert eventually(lambda: not box.is_alive)
        assert room.run("print(1)").stdout == b"1\n"


@pytest.mark.usefixtures("nothing_left")
def test_a_pool_that_its_own_thread_ends_leaves_no_box(backend: str) -> None:
    """The collector finds an unused room in whatever thread it runs, be it the one that starts the boxes."""
    made = threading.Event()

    def start() -> Box:
        box = probe.choose(backend).start(Limits(), ())
        made.wait(WAIT_S)
        pool.close()
        return box

    pool = Pool(start, 2)
    made.set()
    pool._thread.join(WAIT_S)
    assert not pool._thread.is_alive()


@pytest.mark.usefixtures("nothing_left")
def test_close_ends_what_runs(backend: str) -> None:
    """Closing ends a run in another thread with an error; afterwards nothing can be run, and closing again is fine."""
    room = PythonRoom(backend=backend, limits=Limits(wall_s=WAIT_S))
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(room.run, "import time; time.sleep(60)")
        assert eventually(lambda: bool(room._running))
        room.close()
        with pytest.raises(SandboxError, match="closed"):
            running.result(WAIT_S)
    with pytest.raises(SandboxError, match="closed"):
        room.run("print(1)")
    room.close()


@pytest.mark.usefixtures("nothing_left")
def test_an_interrupt_leaves_nothing(backend: str) -> None:
    """Ctrl-C during a run surfaces at once, and the box is gone."""
    room = PythonRoom(backend=backend, limits=Limits(wall_s=WAIT_S))
    ended = threading.Event()

    def interrupt() -> None:
        assert eventually(lambda: bool(room._running))
        while not ended.wait(0.05):
            os.kill(os.getpid(), signal.SIGINT)
            return

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        room.run("import time; time.sleep(60)")
    ended.set()
    thread.join()


PARENT = """
import sys, threading
from assay.sandbox.python import Limits, PythonRoom
room = PythonRoom(backend=sys.argv[1], limits=Limits(wall_s=600), warm=1)
room._pool.wait(60)
threading.Thread(target=room.run, args=("import time; time.sleep(600)",)).start()
while not room._running or not room._pool.wait(60): pass
print("running", flush=True)
sys.stdin.read()
"""


def test_killing_us_kills_the_boxes(backend: str) -> None:
    """After kill -9 of the process that holds a room, no box is left, neither one that runs nor one that waits.

    Its folders on the disk, where it had any, are swept up by a later room, when they are a minute old.
    """
    process = subprocess.Popen([sys.executable, "-c", PARENT, backend], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == b"running\n"
    assert len(guests(process.pid)) >= 2
    process.kill()
    process.wait()
    assert eventually(lambda: not guests(process.pid))
    process.stdin.close()
    process.stdout.close()
    for name in folders(process.pid):
        os.utime(Path(tempfile.gettempdir(), name), (1, 1))
    sweep()
    assert not folders(process.pid)


# ------------------------------------------------------------------------------------------- no walls


def test_an_unknown_back_end() -> None:
    """A name that is none is refused with those there are."""
    with pytest.raises(SandboxUnavailable, match="bubblewrap and landlock"):
        PythonRoom(backend="docker")


def test_without_walls_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine where no back end works gets a refusal that names each reason."""

    def missing() -> list[probe.Backend]:
        raise SandboxUnavailable("install it")

    monkeypatch.setattr(probe, "BACKENDS", {"one": missing, "two": missing})
    probe._probed.cache_clear()
    with pytest.raises(SandboxUnavailable, match=r"one: install it; two: install it"):
        PythonRoom()
    assert [finding.works for finding in probe.available()] == [False, False]
    probe._probed.cache_clear()


def test_the_second_way_to_have_a_back_end(monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    """Where the first bwrap is of no use, another one of the machine is; the one that works is taken."""

    class Broken:
        name = "broken"

        def start(self, limits: Limits, readable: Sequence[Path]) -> Box:
            raise SandboxUnavailable("not permitted")

    works = probe.choose(backend)
    monkeypatch.setattr(probe, "BACKENDS", {"one": lambda: [Broken(), works], "two": lambda: [Broken()]})
    probe._probed.cache_clear()
    assert probe.choose() is works
    assert [finding.reason for finding in probe.available()] == ["works", "not permitted"]
    probe._probed.cache_clear()


def test_walls_that_do_not_hold_are_no_walls(monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    """A back end that starts, but lets something through, does not work: the probe says what."""
    made = Bubblewrap(without=frozenset({"files"})) if backend == "bubblewrap" else None
    made = made or Landlock(without=frozenset({"files"}))
    monkeypatch.setattr(probe, "BACKENDS", {"open": lambda: [made]})
    probe._probed.cache_clear()
    with pytest.raises(SandboxUnavailable, match="reading a file outside gets through"):
        PythonRoom()
    probe._probed.cache_clear()


def test_too_many_readable_paths(backend: str, tmp_path: Path) -> None:
    """More paths than the first message holds are refused, not sent in part."""
    folder = tmp_path / ("x" * 200)
    folder.mkdir()
    paths = [folder / f"{number:0240d}" for number in range(150)]
    for path in paths:
        path.touch()
    with PythonRoom(backend=backend, readable=paths) as room:
        if backend == "landlock":
            with pytest.raises(SandboxError, match="too many readable"):
                room.run("")
        else:
            assert room.run(f"print(open({str(paths[-1])!r}).read())").stdout == b"\n"


def test_no_descriptor_left(monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    """Where a box can be started but not watched, that is told, and no process, folder or descriptor stays."""

    def refused(_pid: int) -> int:
        raise OSError(24, "Too many open files")

    with PythonRoom(backend=backend) as room:
        others, before = guests(), (folders(), len(os.listdir("/proc/self/fd")))
        monkeypatch.setattr(os, "pidfd_open", refused)
        with pytest.raises(SandboxError, match="Too many open files"):
            room.run("pass")
        assert (folders(), len(os.listdir("/proc/self/fd"))) == before
        assert eventually(lambda: guests() <= others)


def test_checks_can_be_imported_everywhere() -> None:
    """Windows has no `fcntl` and no C library by that name: what needs them is imported where walls are built."""
    code = """
import ctypes, sys
sys.modules["fcntl"] = None
def no_library(name, *_, **__): raise TypeError(name)
ctypes.CDLL = no_library
import assay.checks.python_tests, assay.checks.script, assay.checks.sql, assay.sandbox.duckdb_room, assay.weights.store
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_other_systems_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no Linux there is no sandbox, and no try."""
    monkeypatch.setattr(probe.sys, "platform", "darwin")
    probe._probed.cache_clear()
    with pytest.raises(SandboxUnavailable, match="needs Linux, this is darwin"):
        PythonRoom()
    probe._probed.cache_clear()
