"""The shipped devices: how many, under which names, and that their figures can be true."""

from collections import Counter

import pytest

from assay.catalog.device import Device
from assay.catalog.load import builtin

DEVICES = builtin().devices
ALL = [pytest.param(device, id=key) for key, device in DEVICES.items()]

LOOKED_UP = {
    # key: GiB, GB/s, dense 16-bit TFLOPS as the makers' data sheets have them
    "h100": (80, 3350, 989.4),
    "a100-80gb": (80, 2039, 312),
    "l4": (24, 300.1, 121),
    "t4": (16, 320, 65),
    "rtx4090": (24, 1008, 165.2),
    "rtx3090": (24, 936.2, 71.16),
    "mi300x": (192, 5300, 1307.4),
    "m2-ultra": (64, 800, 27.2),
}


def test_there_are_devices_of_every_kind() -> None:
    """At least 60 devices, among them GPUs of three makers, Apple's chips and processors."""
    assert len(DEVICES) >= 60
    kinds = Counter(device.kind for device in DEVICES.values())
    assert min(kinds["gpu"], kinds["apple"], kinds["cpu"]) >= 15
    assert {device.maker for device in DEVICES.values()} >= {"NVIDIA", "AMD", "Intel", "Apple"}


def test_no_name_stands_for_two_devices() -> None:
    """A key or alias is found in one device only, and is written as keys are."""
    names = Counter(name for key, device in DEVICES.items() for name in (key, *device.aliases))
    assert [name for name, times in names.items() if times > 1] == []
    assert all(name == name.lower() and " " not in name for name in names)


@pytest.mark.parametrize("device", ALL)
def test_figures_are_possible_and_dated(device: Device) -> None:
    """Every known fact has a dated source; sizes, rates and prices lie where such devices lie."""
    assert all(source.as_of for fact in device.known if (source := device.provenance(fact)))
    assert device.bandwidth_gb_s is not None
    assert 15 <= device.bandwidth_gb_s <= 10_000
    assert device.kind == "cpu" or (device.memory_gib is not None and 4 <= device.memory_gib <= 512)
    assert device.tflops is None or 0.1 <= device.tflops <= 3_000
    assert device.watts is None or 8 <= device.watts <= 1_500
    assert device.usd_per_hour is None or 0.05 <= device.usd_per_hour <= 20
    assert device.memory_options_gib == tuple(sorted(device.memory_options_gib))
    assert not device.memory_options_gib or device.memory_gib == device.memory_options_gib[0]


@pytest.mark.parametrize("key", LOOKED_UP)
def test_well_known_devices_have_the_figures_of_their_data_sheets(key: str) -> None:
    """Memory, bandwidth and dense rate (never the sparse one) of devices that everybody can check."""
    gib, bandwidth, tflops = LOOKED_UP[key]
    assert DEVICES[key].memory_gib == gib
    assert DEVICES[key].bandwidth_gb_s == pytest.approx(bandwidth, rel=0.005)
    assert DEVICES[key].tflops == pytest.approx(tflops, rel=0.005)
