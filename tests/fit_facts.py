"""Models, devices and files that the tests of `assay fit` are about."""

import struct
from pathlib import Path
from typing import Any

from assay.catalog.device import Device
from assay.catalog.entry import Source
from assay.catalog.family import Family
from assay.catalog.file import File
from assay.catalog.load import Catalog
from assay.catalog.model import Model
from assay.catalog.terms import Licence
from assay.envelope.hardware import Machine

SOURCES = {"s": Source(title="made up", as_of="2026-11-01")}
GIB = 1 << 30


def a_model(model_id: str = "acme/eight", **facts: Any) -> Model:
    """A dense transformer of 8 B parameters, or what else `facts` make of it."""
    values: dict[str, Any] = {
        "name": model_id, "maker": "Acme", "ecosystem": "open-weight", "family": "acme", "licence": "apache-2.0",
        "architecture": "transformer", "parameters": 8_030_261_248, "layers": 32, "hidden": 4096, "heads": 32,
        "kv_heads": 8, "head_dim": 128, "vocabulary": 128_256, "context_tokens": 131_072, "precision": "bf16",
        "forms": ("gguf",), "variant": "instruct", "evidence": "s", "sources": SOURCES,
    }  # fmt: skip
    return Model(id=model_id, **{**values, **facts})


def a_device(**facts: Any) -> Device:
    """A graphics card with 24 GiB, 1,000 GB/s and 100 TFLOPS."""
    values: dict[str, Any] = {
        "name": "Acme X1", "maker": "Acme", "kind": "gpu", "memory_gib": 24, "bandwidth_gb_s": 1000, "tflops": 100,
        "watts": 400, "usd": 2000, "usd_per_hour": 0.5, "evidence": "s", "sources": SOURCES,
    }  # fmt: skip
    return Device(**{**values, **facts})


def a_machine(**given: Any) -> Machine:
    """A device that models may have 22 GiB of."""
    values: dict[str, Any] = {
        "key": "x1", "name": "Acme X1", "kind": "gpu", "count": 1, "memory_bytes": 24 * GIB, "usable_bytes": 22 * GIB,
        "bandwidth_bytes_s": 1e12, "flops": 1e14, "watts": 400.0, "usd": None, "usd_per_hour": None, "basis": "made up",
    }  # fmt: skip
    return Machine(**{**values, **given})


def a_catalog(*models: Model, devices: dict[str, Device] | None = None, family: Family | None = None) -> Catalog:
    """A catalogue of these models, with one open licence and one that is not for companies."""
    licences = {
        "apache-2.0": Licence(name="Apache", osi_approved=True, commercial_use="yes", evidence="s", sources=SOURCES),
        "cc-by-nc-4.0": Licence(name="NC", osi_approved=False, commercial_use="no", evidence="s", sources=SOURCES),
    }
    families = {"acme": family} if family is not None else {}
    file = File(as_of="2026-11-01", models=models, licences=licences, devices=devices or {}, families=families)
    return Catalog([("made-up.toml", file)])


Metadata = dict[str, int | str | list[int] | list[str] | list[bool]]
TINY: Metadata = {
    "general.architecture": "llama",
    "general.name": "Tiny",
    "general.license": "apache-2.0",
    "llama.block_count": 4,
    "llama.context_length": 2048,
    "llama.embedding_length": 64,
    "llama.attention.head_count": 8,
    "llama.attention.head_count_kv": 2,
    "tokenizer.ggml.tokens": ["a", "b", "c"],
    "tokenizer.ggml.merges": ["a b"],
}


def a_file(path: Path, metadata: Metadata = TINY, tensors: dict[str, int] | None = None) -> Path:
    """A GGUF file with these facts and tensors of 32 numbers, each of the type with its number."""
    named = tensors if tensors is not None else {"token_embd.weight": 0, "blk.0.attn_q.weight": 0}

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    def value(given: int | str | list[int] | list[str] | list[bool]) -> bytes:
        if isinstance(given, list):
            kind = 8 if isinstance(given[0], str) else 7 if isinstance(given[0], bool) else 4
            items = b"".join(text(one) if isinstance(one, str) else struct.pack("<?" if kind == 7 else "<I", one)
                             for one in given)  # fmt: skip
            return struct.pack("<IIQ", 9, kind, len(given)) + items
        return struct.pack("<I", 8) + text(given) if isinstance(given, str) else struct.pack("<II", 4, given)

    head = struct.pack("<4sIQQ", b"GGUF", 3, len(named), len(metadata))
    head += b"".join(text(key) + value(given) for key, given in metadata.items())
    for number, (name, kind) in enumerate(named.items()):
        head += text(name) + struct.pack("<IQIQ", 1, 32, kind, 128 * number)
    path.write_bytes(head + bytes(-len(head) % 32) + bytes(128 * len(named)))
    return path
