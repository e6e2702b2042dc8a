"""Detection of a machine, on machines that are made up for it."""

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assay.envelope import detect
from assay.envelope.device import machine
from assay.errors import ConfigError
from fit_facts import GIB, a_catalog, a_device

CATALOG = a_catalog(
    devices={
        "rtx4090": a_device(name="GeForce RTX 4090"),
        "m3-max": a_device(name="M3 Max", kind="apple", memory_gib=48, memory_options_gib=(48, 128)),
    }
)


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Says what a program prints; all others are missing."""

    def says(name: str, text: str, code: int = 0) -> None:
        monkeypatch.setattr(detect.shutil, "which", lambda wanted: f"/bin/{wanted}" if wanted == name else None)

        def run(command: list[str], **_: Any) -> SimpleNamespace:
            if code:
                raise subprocess.CalledProcessError(code, command)
            return SimpleNamespace(stdout=text)

        monkeypatch.setattr(detect.subprocess, "run", run)

    return says


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without a GPU, with four processors and 32 GiB of which 20 are free; returns its /proc/cpuinfo."""
    path = tmp_path / "cpuinfo"
    path.write_text("model name\t: Acme 9000\ncpu MHz\t\t: 3000.5\nflags\t\t: sse2 avx2 fma\n\nmodel name\t: other\n")
    monkeypatch.delenv("ASSAY_THREADS", raising=False)
    monkeypatch.setattr(detect.shutil, "which", lambda _: None)
    monkeypatch.setattr(detect.platform, "system", lambda: "Linux")
    monkeypatch.setattr(detect.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(detect, "CPUINFO", path)
    monkeypatch.setattr(detect, "processors", lambda: (0, 1, 2, 3))
    monkeypatch.setattr(detect, "memory_bytes", lambda: 32 * GIB)
    monkeypatch.setattr(detect, "available_bytes", lambda: 20 * GIB)
    return path


def test_a_processor_with_what_is_free_now(processor: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Less a floor for everything else; clock and vector units say what it can reckon."""
    monkeypatch.setattr(detect, "read_bandwidth", lambda n: detect.Bandwidth(10e9 * n, f"measured with {n}", 1.5))
    found = machine(CATALOG, "auto")
    assert (found.kind, found.memory_bytes, found.usable_bytes) == ("cpu", 32 * GIB, 19 * GIB)
    assert found.name == "Acme 9000, 4 processors (here)"
    assert (found.bandwidth_bytes_s, found.threads, found.doubt) == (40e9, 4, 1.5)
    assert found.flops == pytest.approx(4 * 3000.5e6 * 32)
    assert found.is_here


def test_threads_that_are_told_count(processor: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for the engine itself; nonsense is named."""
    monkeypatch.setattr(detect, "read_bandwidth", lambda n: detect.Bandwidth(10e9 * n, "m", 1.5))
    monkeypatch.setenv("ASSAY_THREADS", "1")
    found = machine(CATALOG, "auto")
    assert (found.threads, found.bandwidth_bytes_s) == (1, 10e9)
    monkeypatch.setenv("ASSAY_THREADS", "many")
    with pytest.raises(ConfigError, match="ASSAY_THREADS='many'"):
        machine(CATALOG, "auto")


@pytest.mark.parametrize(
    ("text", "operations"),
    [("flags : sse2\n", 8), ("flags : avx\n", 16), ("Features : fp asimd\n", 16), ("", 8), ("cpu MHz : broken\n", 8)],
)
def test_an_unknown_processor_is_assumed(processor: Path, text: str, operations: int) -> None:
    """2.5 GHz, and what its flags name; a file that is missing is no fault."""
    processor.write_text(text)
    assert detect._model()[1:] == (2.5e9, operations)
    processor.unlink()
    assert detect._model()[1:] == (2.5e9, 8)


def test_bandwidth_is_measured_here() -> None:
    """More than a disk's, less than any cache's; two threads read at least as much as a half of one."""
    one, two = detect.read_bandwidth(1), detect.read_bandwidth(2)
    assert 5e8 < one.bytes_s < 1e12
    assert two.bytes_s > one.bytes_s / 2
    assert (one.basis, two.basis) == ("bandwidth measured here, 1 thread", "bandwidth measured here, 2 threads")


def test_without_memory_to_spare_bandwidth_is_assumed(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a wide range says so."""
    monkeypatch.setattr(detect, "available_bytes", lambda: GIB // 2)
    found = detect.read_bandwidth(4)
    assert (found.bytes_s, found.doubt) == (4 * detect.BANDWIDTH_PER_THREAD, detect.ASSUMED_DOUBT)
    assert "not measured" in found.basis


def test_nvidias_cards_are_read_and_looked_up(program: Any) -> None:
    """Two of a kind count as two; the memory is what is free."""
    program("nvidia-smi", "NVIDIA GeForce RTX 4090, 24564, 20000\nNVIDIA GeForce RTX 4090, 24564, 24000\n")
    found = machine(CATALOG, "auto")
    assert (found.kind, found.count, found.name) == ("gpu", 2, "NVIDIA GeForce RTX 4090 x 2 (here)")
    assert found.memory_bytes == 2 * 24564 << 20
    assert found.usable_bytes == int((44000 << 20) * 0.95)
    assert found.bandwidth_bytes_s == 2e12


def test_a_card_that_nobody_described_has_no_bandwidth(program: Any) -> None:
    """Its memory is known all the same."""
    program("nvidia-smi", "NVIDIA Q9 Mystery, 16384, 16000\n")
    found = machine(CATALOG, "auto")
    assert (found.count, found.memory_bytes, found.bandwidth_bytes_s) == (1, 16 * GIB, None)
    assert "not in the catalogue" in found.basis


@pytest.mark.parametrize(("text", "code"), [("", 9), ("no devices were found\n", 0), ("a, b, c\n", 0)])
def test_a_driver_that_fails_is_no_card(
    processor: Path, program: Any, monkeypatch: pytest.MonkeyPatch, text: str, code: int
) -> None:
    """Then the processor counts."""
    monkeypatch.setattr(detect, "read_bandwidth", lambda n: detect.Bandwidth(1e9, "m", 1.5))
    program("nvidia-smi", text, code)
    assert machine(CATALOG, "auto").kind == "cpu"


def test_apples_chip_with_its_memory(program: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The share that macOS gives, or less where less is free."""
    program("sysctl", "Apple M3 Max\n")
    monkeypatch.setattr(detect.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(detect.platform, "machine", lambda: "arm64")
    monkeypatch.setattr(detect, "memory_bytes", lambda: 128 * GIB)
    monkeypatch.setattr(detect, "available_bytes", lambda: 100 * GIB)
    found = machine(CATALOG, "auto")
    assert (found.kind, found.name, found.usable_bytes) == ("apple", "M3 Max, 128 GB (here)", 96 * GIB)
    monkeypatch.setattr(detect, "available_bytes", lambda: 50 * GIB)
    assert machine(CATALOG, "auto").usable_bytes == 50 * GIB
