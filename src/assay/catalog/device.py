"""Devices as data: what weights can run on, how fast its memory is, and what it costs."""

from __future__ import annotations

from typing import ClassVar, Literal

from assay.catalog.entry import Day, Evidenced, Positive, Quantity

__all__ = ["Device"]


class Device(Evidenced, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A GPU, a chip of Apple's, or a processor. `None` = not known.

    Attributes:
        name: as its maker calls it.
        maker: who makes it.
        kind: `gpu` has memory of its own, unless it `shares_memory`; `apple` shares it with the system, `cpu` uses the
            machine's.
        shares_memory: a GPU's memory is the system's too.
        memory_gib: memory of one, in GiB; of a kind that is sold with several, the smallest.
        memory_options_gib: all sizes it is sold with, where there are several.
        bandwidth_gb_s: bandwidth of the memory, 1e9 bytes a second.
        tflops: dense 16-bit floating point (tensor cores without sparsity), 1e12 operations a second.
        watts: board or package power under load.
        usd: price of one, bought.
        usd_per_hour: rent of one on demand.
        released: when it came out.
        cores: of a processor or Apple chip.
        aliases: other names that are found; unique in the catalogue.
    """

    FACTS: ClassVar[tuple[str, ...]] = (
        "memory_gib", "bandwidth_gb_s", "tflops", "watts", "usd", "usd_per_hour", "released", "cores",
    )  # fmt: skip

    name: str
    maker: str
    kind: Literal["gpu", "apple", "cpu"]
    aliases: tuple[str, ...] = ()
    shares_memory: bool = False
    memory_gib: Quantity | None = None
    memory_options_gib: tuple[Quantity, ...] = ()
    bandwidth_gb_s: Quantity | None = None
    tflops: Quantity | None = None
    watts: Quantity | None = None
    usd: Quantity | None = None
    usd_per_hour: Quantity | None = None
    released: Day | None = None
    cores: Positive | None = None
