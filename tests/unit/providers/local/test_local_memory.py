"""Who may be in memory, with engines that only pretend."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from assay.errors import EngineCrashed, NoMemory
from assay.providers.local import memory as memory_module
from assay.providers.local.memory import Memory
from assay.providers.local.need import Need
from assay.providers.provider import Meter

GIB = 1 << 30


class Fake:
    """An engine that takes no time to load; `measured` is what it turns out to need, in GiB."""

    idle_s = 600.0

    def __init__(self, name: str, need: float, measured: float | None = None) -> None:
        self.name = name
        self.need = Need(int(need * GIB), 0, 0, "")
        self.measured = int((measured if measured is not None else need) * GIB)
        self.running = False
        self.is_loading = False
        self.unloads = 0

    @property
    def measured_bytes(self) -> int | None:
        """What it holds while it runs."""
        return self.measured if self.running else None

    async def unload(self) -> None:
        """It takes a moment to go."""
        self.running = False
        self.unloads += 1
        await asyncio.sleep(0)


class Machine:
    """Free memory that a test sets, in GiB."""

    def __init__(self, free: float = 100.0) -> None:
        self.free = free

    def available(self) -> int:
        """In bytes."""
        return int(self.free * GIB)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Much free memory, and short times."""
    for name, seconds in (("TURN_S", 0.05), ("POLL_S", 0.01), ("WATCH_S", 0.01)):
        monkeypatch.setattr(memory_module, name, seconds)
    return Machine()


def room(machine: Machine, gib: float, wait_s: float = 5.0) -> Memory:
    """A budget of so much."""
    memory = Memory(int(gib * GIB), wait_s=wait_s, available=machine.available)
    memory.floor_bytes = 0
    return memory


@asynccontextmanager
async def using(memory: Memory, engine: Fake, meter: Meter | None = None) -> AsyncIterator[None]:
    """One request that holds an engine, which runs from then on."""
    async with memory.hold(engine, engine.need, meter or Meter()):
        engine.running = True
        yield


async def hold(memory: Memory, engine: Fake, until: asyncio.Event | None = None) -> str:
    """A request that ends with the event."""
    async with using(memory, engine):
        if until is not None:
            await until.wait()
    return engine.name


async def reached(what: asyncio.Task[str], *others: asyncio.Task[str]) -> None:
    """Let the others come as far as they can, and see that this one still waits."""
    for _ in range(20):
        await asyncio.sleep(0)
    assert not what.done()


async def test_engines_live_side_by_side_within_the_budget(machine: Machine) -> None:
    """Two that fit together stay loaded; the state tells what they need and hold."""
    memory, one, other = room(machine, 3), Fake("one", 1, 1.2), Fake("other", 1.5)
    await hold(memory, one)
    await hold(memory, other)
    assert one.running
    assert other.running
    state = memory.state_of(one, one.need.total_bytes)
    assert (state.state, state.need_bytes, state.measured_bytes) == ("running", GIB, one.measured)
    assert state.limit_bytes == 3 * GIB


async def test_the_longest_unused_makes_room(machine: Machine) -> None:
    """A third engine unloads the idle one that was used least recently, and only that."""
    memory, engines = room(machine, 3), [Fake(name, 1) for name in "abcd"]
    for engine in (*engines[:3], engines[0]):
        await hold(memory, engine)
    await hold(memory, engines[3])
    assert [engine.running for engine in engines] == [True, False, True, True]


async def test_a_measurement_replaces_the_estimate(machine: Machine) -> None:
    """Room is reckoned with what an engine really holds, larger or smaller."""
    memory, small, large = room(machine, 3), Fake("small", 2, 0.5), Fake("large", 2.4)
    await hold(memory, small)
    await hold(memory, large)
    assert small.running
    await memory.evict(small)
    await memory.evict(large)
    grown = Fake("grown", 1, 4)
    await hold(memory, grown)
    await asyncio.sleep(0.05)
    assert not grown.running  # more than the budget: it goes as soon as nobody uses it
    with pytest.raises(NoMemory, match=r"grown needs 4.00 GiB \(measured\)"):
        await hold(memory, grown)


async def test_what_can_never_fit_is_refused_at_once(machine: Machine) -> None:
    """The error names need and budget and what to change; nothing is unloaded for it."""
    memory, small, large = room(machine, 2), Fake("small", 1), Fake("large", 3)
    await hold(memory, small)
    with pytest.raises(NoMemory, match=r"large needs 3.00 GiB .* memory for local engines is 2.00 GiB: raise local"):
        await hold(memory, large)
    assert small.running


async def test_a_busy_engine_is_waited_for(machine: Machine) -> None:
    """It is never unloaded while it serves; the wait ends with it, and its state was visible."""
    memory, busy, next_one, meter = room(machine, 1), Fake("busy", 1), Fake("next", 1), Meter()
    end = asyncio.Event()
    first = asyncio.create_task(hold(memory, busy, end))
    await asyncio.sleep(0)

    async def second() -> str:
        async with using(memory, next_one, meter):
            return "next"

    waiting = asyncio.create_task(second())
    await reached(waiting)
    assert busy.running
    state = memory.state_of(next_one, None)
    assert (state.state, state.waiting) == ("waiting", 1)
    assert meter.waiting_for is not None
    assert "busy (1.00 GiB, 1 request)" in meter.waiting_for
    end.set()
    assert await first == "busy"
    assert await waiting == "next"
    assert not busy.running
    assert meter.waiting_for is None


async def test_a_wait_ends_in_time_and_says_what_for(machine: Machine) -> None:
    """After the limit the error tells how long, for what, and who holds the memory; the holder is unharmed."""
    memory, busy, late = room(machine, 1, wait_s=0.1), Fake("busy", 1), Fake("late", 0.5)
    async with using(memory, busy):
        with pytest.raises(NoMemory) as caught:
            await hold(memory, late)
        assert busy.running
        await hold(memory, busy)  # and takes requests again
    for part in ("waited 0.1", "0.50 GiB of memory to load late", "1.00 of 1.00 GiB are held by busy (1.00 GiB, 1 req"):
        assert part in str(caught.value)
    assert memory.state_of(late, None).waiting == 0


async def test_a_cancelled_wait_leaves_nothing(machine: Machine) -> None:
    """A deadline that cuts the first in line lets the next one go on, and no memory stays reserved."""
    memory, busy, given_up, small = room(machine, 2), Fake("busy", 1), Fake("given-up", 2), Fake("small", 1)
    async with using(memory, busy):
        first = asyncio.create_task(hold(memory, given_up))
        second = asyncio.create_task(hold(memory, small))
        await reached(second)  # behind the first, though it would fit
        first.cancel()
        assert await second == "small"
        with suppress(asyncio.CancelledError):
            await first
    assert memory.state_of(given_up, None).state == "unloaded"
    await hold(memory, given_up)


async def test_a_wait_cancelled_at_the_moment_it_is_granted(machine: Machine) -> None:
    """The place is given back: a later engine can have it."""
    memory, busy, next_one = room(machine, 1), Fake("busy", 1), Fake("next", 1)
    end = asyncio.Event()
    first = asyncio.create_task(hold(memory, busy, end))
    await asyncio.sleep(0)
    second = asyncio.create_task(hold(memory, next_one))
    await reached(second)
    wait = memory._waiting[0]
    end.set()
    while not wait.granted.done():  # noqa: ASYNC110 - the very moment is wanted
        await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
    assert second.cancelled()
    assert memory.state_of(next_one, None).requests == 0
    assert await asyncio.wait_for(hold(memory, busy), 1) == "busy"


async def test_two_engines_that_do_not_fit_together_take_turns(machine: Machine) -> None:
    """Requests that never stop coming to one engine do not shut out another; nobody waits for ever."""
    memory, one, other = room(machine, 1), Fake("one", 1), Fake("other", 1)
    served = {"one": 0, "other": 0}

    async def client(engine: Fake) -> None:
        while min(served.values()) < 10:
            async with using(memory, engine):
                assert engine.running
                await asyncio.sleep(0.001)
                served[engine.name] += 1

    async with asyncio.timeout(5):
        await asyncio.gather(*(client(engine) for engine in (one, other) for _ in range(3)))
    assert one.unloads + other.unloads < sum(served.values()) / 2


async def test_only_engines_in_the_way_stop_taking_requests(machine: Machine) -> None:
    """While the next in line has its turn, an engine whose memory is not needed serves on."""
    memory, long_used, needed, large = room(machine, 3), Fake("a", 1), Fake("b", 1), Fake("large", 2)
    end = asyncio.Event()
    tasks = [asyncio.create_task(hold(memory, needed, end))]
    await asyncio.sleep(0.001)
    tasks.append(asyncio.create_task(hold(memory, long_used, end)))
    await asyncio.sleep(0.001)
    waiting = asyncio.create_task(hold(memory, large))
    await asyncio.sleep(0.1)
    assert await asyncio.wait_for(hold(memory, long_used), 1) == "a"
    displaced = asyncio.create_task(hold(memory, needed))
    await reached(displaced)
    end.set()
    assert await asyncio.wait_for(waiting, 1) == "large"
    assert await asyncio.wait_for(displaced, 1) == "b"
    await asyncio.gather(*tasks)


async def test_another_engine_ends_where_the_first_was_not_enough(machine: Machine) -> None:
    """A turn is kept when others take memory meanwhile: the next engine in the way stops taking requests too."""
    memory, first, second, big = room(machine, 3), Fake("first", 1), Fake("second", 1), Fake("big", 2)
    end_first, end_second = asyncio.Event(), asyncio.Event()
    busy = [asyncio.create_task(hold(memory, first, end_first)), asyncio.create_task(hold(memory, second, end_second))]
    waiting = asyncio.create_task(hold(memory, big))
    async with asyncio.timeout(5):
        for engine in (first, second):
            while not memory._waiting or engine not in memory._waiting[0].displaces:  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.001)
            machine.free = 1.0  # somebody else's by now
            end_first.set()
    late = asyncio.create_task(hold(memory, second))
    await reached(late)
    machine.free = 100.0
    end_second.set()
    assert await waiting == "big"
    assert await asyncio.gather(late, *busy) == ["second", "first", "second"]


async def test_idle_engines_go_when_the_machine_runs_short(machine: Machine) -> None:
    """One after another, the longest unused first, until there is room again; the one in use stays."""
    memory, engines = room(machine, 10), [Fake(name, 1) for name in "abc"]
    memory.floor_bytes = GIB
    for engine in engines[1:]:
        await hold(memory, engine)
    async with using(memory, engines[0]):
        machine.free = 0.5
        async with asyncio.timeout(2):
            while any(engine.running for engine in engines[1:]):  # noqa: ASYNC110 - engines have no event
                await asyncio.sleep(0.005)
        assert engines[0].running


async def test_a_load_waits_for_the_machine(machine: Machine) -> None:
    """Within the budget, but the machine has less: it waits until there is enough, without unloading in vain."""
    memory, idle, wanted = room(machine, 10), Fake("idle", 0.2), Fake("wanted", 3)
    machine.free = 2.0
    await hold(memory, idle)
    waiting = asyncio.create_task(hold(memory, wanted))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    assert idle.running
    machine.free = 4.0
    assert await asyncio.wait_for(waiting, 1) == "wanted"


async def test_a_start_that_fails_gives_its_memory_back(machine: Machine) -> None:
    """The engine never ran: what was reserved for it is free at once."""
    memory, broken, good = room(machine, 1), Fake("broken", 1), Fake("good", 1)
    with pytest.raises(ValueError, match="does not start"):
        async with memory.hold(broken, broken.need, Meter()):
            raise ValueError("does not start")
    assert await asyncio.wait_for(hold(memory, good), 1) == "good"


async def test_a_closed_engine_ends_the_waits_for_it(machine: Machine) -> None:
    """Requests that wait for memory for it get an error, and do not hold up others."""
    memory, busy, closed = room(machine, 1), Fake("busy", 1), Fake("closed", 1)
    async with using(memory, busy):
        waiting = asyncio.create_task(hold(memory, closed))
        await reached(waiting)
        await memory.evict(closed)
        with pytest.raises(EngineCrashed, match="was closed"):
            await waiting


async def test_a_wait_cancelled_at_the_moment_its_engine_is_closed(machine: Machine) -> None:
    """Whoever cancels a request sees it cancelled, whatever else has just ended its wait."""
    memory, busy, closed = room(machine, 1), Fake("busy", 1), Fake("closed", 1)
    async with using(memory, busy):
        waiting = asyncio.create_task(hold(memory, closed))
        await reached(waiting)
        await memory.evict(closed)
        waiting.cancel()
        with suppress(asyncio.CancelledError, EngineCrashed):
            await waiting
    assert waiting.cancelled()


async def test_an_idle_engine_goes_after_its_time(machine: Machine) -> None:
    """`idle_s` after the last request it is unloaded, and its state says so."""
    memory, engine = room(machine, 1), Fake("e", 1)
    engine.idle_s = 0.02
    await hold(memory, engine)
    async with asyncio.timeout(2):
        while engine.running:  # noqa: ASYNC110 - engines have no event
            await asyncio.sleep(0.005)
    await asyncio.sleep(0)
    assert memory.state_of(engine, None).state == "unloaded"
