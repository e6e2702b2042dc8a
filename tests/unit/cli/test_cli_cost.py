"""`assay cost` from the command line: tables and JSON by value, real traffic, plots, and what cannot be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

Project = Any  # of this folder's conftest

WORK = ("--requests-per-day", "10000", "--input-tokens", "1000", "--output-tokens", "200", "--days", "30")
DEVICE = """
as_of = "2026-11-27"
[sources.offer]
title = "an offer"
[devices.card]
name = "card"
maker = "somebody"
kind = "gpu"
memory_gib = 24
bandwidth_gb_s = 1000
tflops = 100
watts = 400
usd = 3600
usd_per_hour = 2
evidence = "offer"
"""
MODELS = """
as_of = "2026-11-27"
[sources.card]
title = "a model card"
[[models]]
id = "acme/seven"
name = "Seven"
maker = "acme"
ecosystem = "open-weight"
licence = "apache-2.0"
architecture = "transformer"
parameters = 7_000_000_000
layers = 32
hidden = 4096
heads = 32
kv_heads = 8
head_dim = 128
vocabulary = 32000
context_tokens = 8192
precision = "bf16"
evidence = "card"
"""
RATES = ("--prefill-tok-s", "5000", "--output-tok-s", "1000")


@pytest.fixture
def shop(project: Project) -> Project:
    """A project that also has an open model and a card."""
    (project.folder / "card.toml").write_text(DEVICE)
    (project.folder / "own.toml").write_text(MODELS)
    config = project.folder / "assay.toml"
    config.write_text('catalog_files = ["own.toml"]\n' + config.read_text())
    return project


def bills(project: Project, *arguments: str) -> dict[str, dict[str, Any]]:
    """The bills by candidate and tenure."""
    ended = project.inside("cost", *arguments, "--json")
    assert ended.code == 0, ended.err
    return {f"{one['name']}/{one['tenure']}": one for one in ended.json["bills"]}


def test_the_deployments_by_default(shop: Project) -> None:
    """Without names the configuration's candidates are reckoned, at their own prices, the cheapest first."""
    found = bills(shop, *WORK, "--assume", "hours=0", "--assume", "evaluation_requests=0")
    assert list(found) == ["bad/host", "good/host"]
    assert {"name", "at_low", "at_high", "usd_low", "usd_high"} == set(found["bad/host"]["sensitivity"][0])
    assert found["good/host"]["usd_per_month"] == pytest.approx(300_000 * 1200 * 2 / 1e6)
    assert found["bad/host"]["usd_per_1000"] == pytest.approx(1.2)


def test_the_table_by_value(shop: Project) -> None:
    """What a person reads: the work, the candidates, what their bills are made of, and what moves the cheapest."""
    told = shop.inside("cost", "good", "bad", *WORK).out.splitlines()
    assert told[0] == "10,000 requests a day: 1,000 tokens in, 200 out, busiest hour 3 x a mean one; 30 days"
    assert [line.split() for line in told[3:5]] == [
        ["bad", "the", "token", "1,261", "-", "4.204", "-", "-"],
        ["good", "the", "token", "1,622", "-", "5.408", "-", "-"],
    ]
    rows = {line[:17].strip(): line[17:].split() for line in told[6:17]}
    assert rows["input"] == ["300", "600"]
    assert rows["serving"] == ["180", "180"]
    assert rows["all together"] == ["1,261", "1,622"]
    assert any(line.startswith("What moves bad (by the token) most") for line in told)


def test_machines_beside_a_host(shop: Project) -> None:
    """An open model is reckoned on the card in the ways that were asked for, beside the host; break-even is told."""
    found = bills(shop, "good", "acme/seven", "-d", "card.toml", "--rent-gpu", "--own", "--have", *RATES, *WORK)
    assert set(found) == {
        "good/host", *(f"acme/seven on card.toml/{way}" for way in ("rent", "buy", "have"))
    }  # fmt: skip
    rent = found["acme/seven on card.toml/rent"]
    assert (rent["machines"], rent["requests_per_machine"]) == (1, pytest.approx(57_600))
    [crossing] = rent["break_even"]
    assert crossing["against"] == "good"
    assert crossing["first"] == crossing["first_if_slow"]
    lines = {line["name"] for line in found["acme/seven on card.toml/buy"]["lines"]}
    assert {"purchase", "power, waiting", "power, working", "rollback", "monitoring", "red-teaming"} <= lines


def test_an_estimated_speed_makes_a_range(shop: Project) -> None:
    """Without measured rates the month and the machines are ranges, and the basis of the speed is told."""
    heavy = ("--requests-per-day", "500000", "--input-tokens", "1000", "--output-tokens", "200")
    one = bills(shop, "acme/seven", "-d", "card.toml", *heavy)["acme/seven on card.toml/rent"]
    assert one["usd_low"] < one["usd_per_month"] < one["usd_high"]
    assert one["machines_low"] < one["machines_high"]
    assert "answers at a time" in one["notes"][0]


def test_what_does_not_fit_has_no_bill(shop: Project) -> None:
    """A context that the card cannot hold is said, and the candidate stands last."""
    ended = shop.inside("cost", "good", "acme/seven", "-d", "card.toml", "--rent-gpu", "--context", "8000000", *WORK)
    assert ended.code == 0
    assert "unknown" in ended.out.splitlines()[4]
    assert "acme/seven on card.toml (renting): unknown, " in ended.out


def test_fallback_tax_and_price_from_the_command_line(shop: Project) -> None:
    """A given price makes a candidate; a stronger model is paid by others than itself; the tax tells when it pays."""
    found = bills(
        shop, "good", "--price", "cheap=0.1/0.4", "--fallback-share", "0.1", "--fallback-model", "good",
        "--instruction-tokens", "500", "--tuning-usd", "30", "--assume", "evaluation_requests=0", *WORK,
    )  # fmt: skip
    assert "fallback" not in {line["name"] for line in found["good/host"]["lines"]}
    cheap = found["cheap/host"]
    lines = {line["name"]: line["usd"] for line in cheap["lines"]}
    assert lines["fallback"] == pytest.approx(0.1 * 300_000 * 1200 * 2 / 1e6)
    assert cheap["prompt_tax"]["usd_per_month"] == pytest.approx(
        300_000 * 500 * 0.1 / 1e6
    )  # nothing for what falls back
    assert cheap["prompt_tax"]["months_to_pay_back"] == pytest.approx(30 / 15)


def test_the_real_traffic(shop: Project) -> None:
    """What was asked through assay is the work; an option replaces one figure of it."""
    for number, kind in enumerate(("sql", "sql", "mail")):
        (shop.folder / "ask.json").write_text(
            json.dumps({"messages": [{"role": "user", "content": f"hello {number}"}]})
        )
        assert shop.inside("call", "ask.json", "-m", "good", "-k", kind, "--dialect", "openai").code == 0
    ended = shop.inside("cost", "good", "--from-ledger", "--json")
    assert ended.code == 0, ended.err
    whole, *kinds = ended.json["traffic"]
    assert (whole["requests"], [one["kind"] for one in kinds]) == (3, ["mail", "sql"])
    assert whole["workload"]["requests_per_day"] == pytest.approx(3, rel=0.01)
    more = shop.inside("cost", "good", "--from-ledger", "-k", "sql", "--requests-per-day", "5e3", "--json").json
    assert more["workload"]["requests_per_day"] == 5000
    assert len(more["traffic"]) == 1
    assert "observed: 3 requests" in shop.inside("cost", "good", "--from-ledger", "--since", "1d").out


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_a_plot_is_written(shop: Project, suffix: str) -> None:
    """Both formats, with a line for each candidate; the SVG is well formed and names them."""
    pytest.importorskip("matplotlib")
    file = shop.folder / f"cost.{suffix}"
    ended = shop.inside("cost", "good", "acme/seven", "-d", "card.toml", *RATES, *WORK, "--plot", file.name)
    assert ended.code == 0, ended.err
    assert f"written: {file.name}" in ended.err
    if suffix == "svg":
        text = "".join(ET.parse(file).getroot().itertext())  # noqa: S314 - written by us
        assert "good (host)" in text
        assert "acme/seven on card.toml (rent)" in text
        assert "What moves" in text
    else:
        assert file.read_bytes().startswith(b"\x89PNG")


def test_assumptions_are_listed_with_their_sources(shop: Project) -> None:
    """Each by the name that replaces it; a replaced one says so."""
    rows = shop.inside("cost", "--assumptions", "--assume", "usd_per_kwh=0.4", "--json").json
    found = {row["name"]: row for row in rows}
    assert found["usd_per_kwh"]["source"] == "given with --assume"
    assert found["self_served.serving"]["verified"] is False
    assert "amortise_months" in shop.inside("cost", "--assumptions").out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("goood", *WORK), 2, "'good'"),
        (("good", "--requests-per-day", "5"), 2, "--input-tokens, --output-tokens"),
        (("good", *WORK, "-d", "rtx409"), 2, "rtx4090"),
        (("good", *WORK, "--fallback-share", "0.1"), 2, "--fallback-model"),
        (("good", *WORK, "--price", "x=1"), 2, "NAME=IN/OUT"),
        (("good", *WORK, "--assume", "pues=1"), 2, "pue"),
        (("good", *WORK, "--instruction-tokens", "2000"), 2, "instruction_tokens"),
        (("good", *WORK, "--plot", "cost.pdf"), 3, ".svg or .png"),
        (("good", "--from-ledger"), 3, "no answered requests"),
        (("good", "--from-ledger", "--since", "soon"), 2, "neither a span"),
        (("good", "--from-ledger", "--since", "-3d"), 2, "neither a span"),
        (("good", *WORK, "--cached-share", "1.5"), 2, "cached-share"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(shop: Project, arguments: tuple[str, ...], code: int, said: str) -> None:
    """The message names the value, the nearest known name or the missing option; nothing is guessed."""
    ended = shop.inside("cost", *arguments)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err


def test_without_a_configuration(tmp_path: Path, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models of the catalogue can be reckoned anywhere, at their list price with its source."""
    project.folder = tmp_path / "elsewhere"
    project.folder.mkdir()
    (tmp_path / "assay.toml").unlink()
    one = bills(project, "gpt-4o-mini", *WORK)["gpt-4o-mini/host"]
    assert one["usd_per_month"] > 0
    assert any("genai-prices" in line["basis"] for line in one["lines"])
    many = project.inside("cost", *WORK)
    assert many.code == 0
    assert "more; name some, or see all with --json" in many.out


def test_the_command_starts_quickly(shop: Project) -> None:
    """Neither an event loop nor plots nor list prices are loaded where the question needs none of them."""
    slow = ("asyncio", "matplotlib", "genai_prices")
    told = f"import sys; from assay.cli.main import assay; assay.main({['cost', 'good', *WORK]}, standalone_mode=False)"
    script = f"{told}; print([name for name in {slow} if name in sys.modules])"
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=shop.folder, env=dict(os.environ, COLUMNS="100"), capture_output=True,
        text=True, timeout=60, check=True,
    )  # fmt: skip
    assert ended.stdout.splitlines()[-1] == "[]"
