"""A small catalogue of invented models, hosts and machines: what is advised in it can be reckoned by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from assay.catalog.file import read
from assay.catalog.load import Catalog
from assay.catalog.shipped import shipped
from assay.decision.advice.advice import Advice, advise
from assay.decision.advice.situation import situation

TODAY = date(2026, 11, 27)

HEAD = """
as_of = "2026-11-01"
family = "own"
[sources.us]
title = "invented for tests"

[families.tunable]
name = "Tunable"
maker = "ACME"
forms = ["gguf"]
recipes = ["trl"]
derivatives = 5000
evidence = "us"

[families.dusty]
name = "Dusty"
maker = "Nobody"
forms = ["gguf"]
recipes = []
derivatives = 90000
evidence = "us"

[hosts.rental]
name = "Rental"
dialect = "openai"
base_url = "https://rental.invalid/v1"
api_key_env = "RENTAL_KEY"
evidence = "us"

[hosts.nosy]
name = "Nosy"
dialect = "openai"
base_url = "https://nosy.invalid/v1"
api_key_env = "NOSY_KEY"
evidence = "us"

[data_policies.rental]
trains_on_inputs = "no"
evidence = "us"

[data_policies.nosy]
trains_on_inputs = "opt-out"
evidence = "us"

[licences.free]
name = "Free"
osi_approved = true
commercial_use = "yes"
evidence = "us"

[licences.study]
name = "Study"
osi_approved = false
commercial_use = "no"
evidence = "us"

[devices.box]
name = "Box"
maker = "ACME"
kind = "gpu"
memory_gib = 24
bandwidth_gb_s = 1000
tflops = 100
watts = 300
usd = 2000
usd_per_hour = 0.5
evidence = "us"

[devices.laptop]
name = "Laptop"
maker = "ACME"
kind = "apple"
memory_gib = 36
bandwidth_gb_s = 400
tflops = 30
watts = 80
evidence = "us"
"""

HOSTED = """
[[models]]
id = "{id}"
name = "{name}"
maker = "ACME"
family = "{family}"
ecosystem = "{ecosystem}"
variant = "instruct"
context_tokens = 200000
input = ["text"{image}]
output = ["text"]
tools = true
evidence = "us"
{more}
"""
SHAPE = """licence = "free"
parameters = {parameters}
layers = 32
hidden = 4096
heads = 32
kv_heads = 8
head_dim = 128
vocabulary = 32000
precision = "bf16"
"""
AT = """
[[models.hosts]]
host = "{host}"
model = "{name}"
evidence = "us"
"""
FIGURE = """
[[models.benchmarks]]
name = "{benchmark}"
score = {score}
by = "{by}"
as_of = "2026-10-01"
evidence = "us"
"""
BENCHMARKS = ("mmlu-pro", "ifeval", "gpqa-diamond", "swe-bench-verified", "mmmu")


def hosted(
    name: str, price: tuple[float, float] | None, score: float | None, *, host: str = "rental", family: str = "",
    image: bool = False, more: str = "", by: str = "other",
) -> str:  # fmt: skip
    """A model that only a host has; `score` in all benchmarks, `None` = it has no figure."""
    rates = f"price_usd_per_mtok = {{ input = {price[0]}, output = {price[1]} }}\n" if price else ""
    return (
        _model(name, family or name, "hosted", image, rates + more)
        + AT.format(host=host, name=name)
        + _figures(score, by)
    )


def weights(
    name: str, parameters: float, score: float | None, *, family: str = "tunable",
    price: tuple[float, float] | None = None, more: str = "", licence: str = "free", by: str = "other",
) -> str:  # fmt: skip
    """An open model; with a price it is at the host `rental` too."""
    rates = f"price_usd_per_mtok = {{ input = {price[0]}, output = {price[1]} }}\n" if price else ""
    shape = SHAPE.format(parameters=int(parameters)).replace('"free"', f'"{licence}"')
    at = AT.format(host="rental", name=name) if price else ""
    return _model(name, family, "open-weight", False, shape + rates + more) + at + _figures(score, by)


def _model(name: str, family: str, ecosystem: str, image: bool, more: str) -> str:
    shown = ', "image"' if image else ""
    return HOSTED.format(id=f"acme/{name}", name=name, family=family, ecosystem=ecosystem, image=shown, more=more)


def _figures(score: float | None, by: str) -> str:
    if score is None:
        return ""
    return "".join(FIGURE.format(benchmark=one, score=score, by=by) for one in BENCHMARKS)


def catalog_of(*models: str) -> Catalog:
    """A catalogue of these models, with the hosts that ship as well."""
    hosts = [(name, file) for name, file in shipped() if name.startswith("hosts/")]
    return Catalog([*hosts, ("own.toml", read((HEAD + "".join(models)).encode(), "own.toml"))])


USUAL = (
    hosted("frontier", (5.0, 20.0), 90.0, image=True),
    hosted("rival", (6.0, 24.0), 89.5, image=True),
    hosted("cheap", (0.2, 0.8), 60.0, host="nosy"),
    weights("small", 8e9, 55.0, price=(0.05, 0.1)),
    weights("large", 30e9, 80.0),
    weights("tiny", 0.3e9, 20.0),
)
"""Two frontier models, a cheap one whose host is nosy, and open ones of three sizes."""

Advised = Callable[..., Advice]


@pytest.fixture
def advised() -> Advised:
    """Advice for a task from the usual small catalogue, or from `models`."""

    def make(task: str, *, models: tuple[str, ...] = USUAL, **given: Any) -> Advice:
        return advise(catalog_of(*models), situation(task, given), TODAY)

    return make
