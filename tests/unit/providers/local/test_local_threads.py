"""How many threads an engine gets, on processors that are told to be busy or idle."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.envelope import surroundings as machine
from assay.errors import ConfigError
from assay.providers.local import threads
from assay.providers.local.threads import threads_for

Busy = Callable[..., list[float]]


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> Busy:
    """Sets the share of four processors that is idle in each look; returns the looks that are left."""
    monkeypatch.delenv("ASSAY_THREADS", raising=False)
    monkeypatch.setattr(threads, "processors", lambda: (0, 1, 2, 3))

    def set_looks(*shares: float) -> list[float]:
        left = list(shares)

        async def look(_: tuple[int, ...]) -> float:
            return left.pop(0)

        monkeypatch.setattr(threads, "_idle_share", look)
        return left

    return set_looks


async def test_the_variable_wins_then_the_configuration(busy: Busy, monkeypatch: pytest.MonkeyPatch) -> None:
    """ASSAY_THREADS is stronger than engine.threads, both are stronger than any look, and nonsense is named."""
    busy()
    assert await threads_for(2) == 2
    monkeypatch.setenv("ASSAY_THREADS", "3")
    assert await threads_for(2) == 3
    for wrong in ("no", "0", "-1", "1.5"):
        monkeypatch.setenv("ASSAY_THREADS", wrong)
        with pytest.raises(ConfigError, match=f"ASSAY_THREADS='{wrong}'"):
            await threads_for(2)


@pytest.mark.parametrize(
    ("looks", "expected", "unused"),
    [
        ((3.9, 0.0, 0.0), 4, 2),  # quiet at once: nobody waits for a second look
        ((0.2, 3.8, 0.0), 4, 1),  # what kept them busy was over with the first look
        ((2.2, 1.9, 2.4), 2, 0),
        ((0.1, 0.0, 0.3), 1, 0),  # busy throughout: one, never none
        ((4.4, 0.0, 0.0), 4, 2),  # clocks are not exact; never more than there are
    ],
)
async def test_as_many_as_are_idle_right_now(busy: Busy, looks: tuple[float, ...], expected: int, unused: int) -> None:
    """The most idle of three looks counts, and the first quiet one is enough."""
    left = busy(*looks)
    assert await threads_for(None) == expected
    assert len(left) == unused


async def test_a_stale_load_average_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that is over leaves a load average behind; idle seconds of the processors decide."""
    monkeypatch.delenv("ASSAY_THREADS", raising=False)
    monkeypatch.setattr("os.getloadavg", lambda: (9.0, 9.0, 9.0))
    monkeypatch.setattr(threads, "processors", lambda: (0, 1))
    monkeypatch.setattr(threads, "LOOK_S", 0.01)
    monkeypatch.setattr(threads, "idle_s", lambda _: 2 * asyncio.get_running_loop().time())
    assert await threads_for(None) == 2


def test_a_container_limits_memory_and_processors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits of a control group count where they are lower than the machine's; cached files count as free."""
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _: {0, 1, 5}, raising=False)
    (tmp_path / "memory.max").write_text(f"{100 << 20}\n")
    (tmp_path / "memory.current").write_text(f"{90 << 20}\n")
    (tmp_path / "memory.stat").write_text(f"anon 5\nactive_file {10 << 20}\ninactive_file {20 << 20}\n")
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    assert machine.memory_bytes(tmp_path) == 100 << 20
    assert machine.available_bytes(tmp_path) == 40 << 20
    assert machine.processors(tmp_path) == (0,)
    for name in ("memory.max", "cpu.max"):
        (tmp_path / name).write_text("max 100000\n" if name == "cpu.max" else "max\n")
    assert machine.memory_bytes(tmp_path) == machine.psutil.virtual_memory().total
    assert machine.processors(tmp_path) == (0, 1, 5)
    assert machine.processors(tmp_path / "none") == (0, 1, 5)
    assert machine.available_bytes(tmp_path / "none") > 0
    assert machine.idle_s((0,)) > 0
