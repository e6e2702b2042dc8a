"""The shipped catalogue: every device is a machine, and every open model has a verdict on each kind of them."""

import pytest

from assay.catalog.load import builtin
from assay.envelope.device import machine
from assay.envelope.fit import Fit, fit
from assay.envelope.hardware import GIB
from assay.errors import CatalogError


def test_every_device_is_found_by_all_its_names() -> None:
    """By key, name and alias; memory that a processor's machine must say is asked for."""
    catalog = builtin()
    for key, device in catalog.devices.items():
        memory = "" if device.memory_gib else "-64gb"
        if memory:
            with pytest.raises(CatalogError, match="say it"):
                machine(catalog, key)
        found = machine(catalog, key + memory)
        assert 0 < found.usable_bytes < found.memory_bytes
        for alias in device.aliases:
            assert machine(catalog, alias + memory)._replace(key=key + memory) == found


@pytest.mark.parametrize("spec", ["rtx4090", "h100x8", "m3-max-36gb", "epyc-9654-768gb"])
def test_every_open_model_has_a_verdict(spec: str) -> None:
    """With figures that fit together, or with the fact that is missing; never an error."""
    catalog = builtin()
    device = machine(catalog, spec)
    verdicts: dict[str, list[Fit]] = {}
    for model in catalog.models:
        if model.ecosystem != "open-weight":
            continue
        context = min(8192, model.context_tokens or 8192)
        found = fit(catalog, model, device, context_tokens=context)
        verdicts.setdefault(found.verdict, []).append(found)
    for one in verdicts.get("unknown", []):
        assert one.missing, one.model.id
    for one in (*verdicts["fits"], *verdicts.get("tight", [])):
        assert one.memory is not None
        assert one.memory.total <= device.usable_bytes
        assert (one.most_context_tokens or 0) >= min(8192, one.model.context_tokens or 8192) // 256 * 256
        assert one.most_sequences is None or one.most_sequences >= 1
        assert one.speed is not None, one.model.id
    for one in verdicts.get("no", []):
        assert one.memory is not None
        assert one.memory.total > device.usable_bytes
    sizes = [one.memory.total for one in verdicts["fits"] if one.memory]
    assert max(sizes) > 8 * GIB
    known = sum(len(found) for name, found in verdicts.items() if name != "unknown")
    assert known > 0.8 * sum(map(len, verdicts.values()))
