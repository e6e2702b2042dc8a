"""Each wall holds something off: attempts that fail behind all walls get through when one is taken out."""

from __future__ import annotations

import pytest
from benchmarks.sandbox import LIMITS, NO_LIMITS, Verdict, attempt_all
from benchmarks.sandbox_attacks import ATTACKS

from assay.sandbox import probe
from assay.sandbox.bubblewrap import Bubblewrap
from assay.sandbox.landlock import Landlock

READ_SECRET = "print('ESC', open('@SECRET@').read())"
READ_VARIABLE = "import os\nif 'SECRET_TOKEN' in os.environ: print('ESC')"
ABSTRACT = "import socket\ns = socket.socket(socket.AF_UNIX); s.connect('\\0@ABS@'); print('ESC')"
SHARED_MEMORY = "import ctypes\nif ctypes.CDLL(None).shmget(@SHMKEY@, 0, 0) >= 0: print('ESC')"
FLOOD = "import sys; sys.stderr.write('z' * (3 << 20))"
OWN = {
    "secret": READ_SECRET, "variable": READ_VARIABLE, "abstract": ABSTRACT, "shared_memory": SHARED_MEMORY,
    "flood": FLOOD,
}  # fmt: skip
QUICK = (
    "reopen_descriptors", "job_channel", "other_box", "write_interpreter", "read_only_truncate", "rename_outside",
    "times_and_attributes", "system_files", "sparse_file", "raw_clones", "signal_parent",
    "signal_by_descriptor", "others_limits", "raise_limits", "mounts", "kernel_interfaces", "datagram_pair",
)  # fmt: skip


def attempt(backend: str, names: tuple[str, ...], without: tuple[str, ...] = (), limits: object = LIMITS) -> set[str]:
    """Names of the attempts that got through."""
    found = {finding.backend: finding for finding in probe.available()}[backend]
    if not found.works:
        pytest.skip(f"no {backend} here: {found.reason}")
    made = Bubblewrap(without=frozenset(without)) if backend == "bubblewrap" else Landlock(without=frozenset(without))
    verdicts: list[Verdict] = []
    attempt_all(made, {name: (OWN | ATTACKS)[name] for name in names}, limits, verdicts.append)  # type: ignore[arg-type]
    assert len(verdicts) == len(names)
    return {verdict.name for verdict in verdicts if verdict.escapes or verdict.surface}


@pytest.mark.parametrize("backend", sorted(probe.BACKENDS))
def test_nothing_escapes(backend: str) -> None:
    """Behind all walls no attempt of the quick ones gets through; `make e2e` runs all of them."""
    assert attempt(backend, (*QUICK, *OWN)) == set()


@pytest.mark.parametrize(
    ("backend", "without", "escaping", "held"),
    [
        ("bubblewrap", ("seccomp",), {"raw_clones", "kernel_interfaces"}, {"abstract", "signal_parent", "secret"}),
        ("bubblewrap", ("seccomp", "network"), {"abstract"}, {"secret", "shared_memory"}),
        ("bubblewrap", ("seccomp", "processes"), {"signal_parent", "shared_memory"}, {"secret", "abstract"}),
        ("bubblewrap", ("files",), {"secret"}, {"abstract", "raw_clones"}),
        ("bubblewrap", ("environment",), {"variable"}, {"secret"}),
        ("landlock", ("seccomp",), {"raw_clones", "kernel_interfaces"}, {"secret", "read_only_truncate"}),
        ("landlock", ("files",), {"secret", "read_only_truncate"}, {"abstract", "raw_clones"}),
        ("landlock", ("environment",), {"variable"}, {"secret"}),
    ],
)
def test_a_wall_taken_out_is_noticed(
    backend: str, without: tuple[str, ...], escaping: set[str], held: set[str]
) -> None:
    """Without a wall its attempts get through, and those of the other walls still do not."""
    assert attempt(backend, (*sorted(escaping), *sorted(held)), without) == escaping


@pytest.mark.parametrize("backend", sorted(probe.BACKENDS))
def test_limits_taken_out_are_noticed(backend: str) -> None:
    """Without limits a file of a terabyte and a flood of output get through."""
    names = ("sparse_file", "flood")
    assert attempt(backend, names) == set()
    assert attempt(backend, names, limits=NO_LIMITS) == set(names)
