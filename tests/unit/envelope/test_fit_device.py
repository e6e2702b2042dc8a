"""Devices by short names: what they mean, and what an unknown one is told."""

from pathlib import Path

import pytest

from assay.catalog.load import Catalog
from assay.envelope.device import machine
from assay.errors import CatalogError
from fit_facts import GIB, a_catalog, a_device

OWN = """
as_of = "2026-11-01"
[sources.s]
title = "my own measurement"
[devices.box]
name = "My box"
maker = "me"
kind = "gpu"
memory_gib = 16
bandwidth_gb_s = 320
evidence = "s"
"""


@pytest.fixture
def catalog() -> Catalog:
    """A card, a chip that is sold with several memories, a narrower variant of it, and a processor."""
    return a_catalog(
        devices={
            "rtx4090": a_device(name="GeForce RTX 4090", aliases=("4090",)),
            "m3-max": a_device(
                name="M3 Max", kind="apple", memory_gib=48, memory_options_gib=(48, 128), bandwidth_gb_s=400
            ),
            "m3-max-36gb": a_device(name="M3 Max (30 cores)", kind="apple", memory_gib=36, bandwidth_gb_s=300),
            "epyc": a_device(name="EPYC", kind="cpu", memory_gib=None, tflops=None, cores=64),
            "a100-80gb": a_device(name="A100 80 GB", memory_gib=80),
            "nano": a_device(name="Nano", memory_gib=8, shares_memory=True),
        }
    )


@pytest.mark.parametrize("spec", ["rtx4090", "RTX 4090", "rtx-4090", "4090", "GeForce RTX 4090"])
def test_a_device_is_found_by_key_alias_and_name(catalog: Catalog, spec: str) -> None:
    """In any case, whatever stands between the words."""
    found = machine(catalog, spec)
    assert (found.name, found.count, found.memory_bytes) == ("GeForce RTX 4090", 1, 24 * GIB)
    assert found.usable_bytes == int(24 * GIB * 0.95)
    assert (found.bandwidth_bytes_s, found.flops, found.doubt) == (1e12, 1e14, 1.0)


@pytest.mark.parametrize("spec", ["rtx4090x2", "rtx4090 x 2", "RTX 4090x2"])
def test_several_devices_add_up(catalog: Catalog, spec: str) -> None:
    """Memory, bandwidth, rate, power and price are of all together."""
    found = machine(catalog, spec)
    assert (found.count, found.memory_bytes, found.bandwidth_bytes_s) == (2, 48 * GIB, 2e12)
    assert (found.watts, found.usd, found.usd_per_hour) == (800, 4000, 1.0)


def test_memory_is_chosen_where_a_chip_is_sold_with_several(catalog: Catalog) -> None:
    """The smallest by default; a variant with a key of its own wins; what nobody sells is refused."""
    assert machine(catalog, "m3-max").memory_bytes == 48 * GIB
    assert machine(catalog, "m3-max-128gb").memory_bytes == 128 * GIB
    assert machine(catalog, "m3-max-36gb").bandwidth_bytes_s == 300e9
    assert machine(catalog, "a100-80gb").count == 1
    with pytest.raises(CatalogError, match="sold with 48, 128 GB, not 64"):
        machine(catalog, "m3-max-64gb")


def test_macos_lets_models_have_a_share(catalog: Catalog) -> None:
    """Two thirds up to 36 GB, three quarters above."""
    assert machine(catalog, "m3-max-36gb").usable_bytes == int(36 * GIB * 2 / 3)
    assert machine(catalog, "m3-max-128gb").usable_bytes == 96 * GIB


def test_a_gpu_that_shares_its_memory_leaves_some_to_the_system(catalog: Catalog) -> None:
    """A board's 8 GB are its system's too: what an operating system needs cannot hold weights."""
    assert machine(catalog, "nano").usable_bytes == 6 * GIB


def test_a_processor_is_told_its_memory(catalog: Catalog) -> None:
    """What a machine has is not the processor's to say; its rate is reckoned from cores, and doubted."""
    with pytest.raises(CatalogError, match="epyc-64gb"):
        machine(catalog, "epyc")
    found = machine(catalog, "epyc-512gb")
    assert (found.memory_bytes, found.usable_bytes) == (512 * GIB, 480 * GIB)
    assert (found.flops, found.doubt, found.threads) == (64 * 2.5e9 * 32, 2.0, 64)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("rtx4900", "did you mean 'rtx4090'"),
        ("m3max-32g", "no device 'm3max-32g'"),
        ("rtx4090x0", "0 of them cannot be"),
        ("rtx4090x2000", "2000 of them cannot be"),
        ("", "no device ''"),
    ],
)
def test_an_unknown_device_names_the_nearest(catalog: Catalog, spec: str, message: str) -> None:
    """The message has what was asked for and what to do."""
    with pytest.raises(CatalogError, match=message):
        machine(catalog, spec)


def test_a_device_of_ones_own(catalog: Catalog, tmp_path: Path) -> None:
    """A data file with one device; a missing one, and one with none, say so."""
    path = tmp_path / "box.toml"
    path.write_text(OWN)
    found = machine(catalog, str(path))
    assert (found.name, found.memory_bytes, found.flops) == ("My box", 16 * GIB, None)
    assert found.basis == "my own measurement, 2026-11-01"
    path.write_text('as_of = "2026-11-01"\n')
    with pytest.raises(CatalogError, match="expected one table"):
        machine(catalog, str(path))
    with pytest.raises(CatalogError, match="cannot read the device file"):
        machine(catalog, str(tmp_path / "none.toml"))


def test_facts_that_nobody_knows_stay_unknown() -> None:
    """No bandwidth is no bandwidth, and the basis says which facts were not looked up."""
    from assay.catalog.entry import Source

    device = a_device(
        bandwidth_gb_s=None, tflops=None, sources={"s": Source(title="guess", as_of="2026", verified=False)}
    )
    found = machine(a_catalog(devices={"x": device}), "x")
    assert (found.bandwidth_bytes_s, found.flops) == (None, None)
    assert found.basis == "guess, 2026 (unverified)"
