"""Hosts on the command line: the table, what a configuration gets from it, and whether keys are there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from assay.cli.main import assay
from assay.errors import ConfigError, PluginError


def config(folder: Path, keys: str) -> str:
    """A configuration of one deployment."""
    (folder / "assay.toml").write_text(f'[deployments.d]\nmodel = "acme/large"\n{keys}\n')
    return str(folder / "assay.toml")


def test_the_table_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each host with its address, what is spoken there, and whether the key is set; the key itself is not in it."""
    monkeypatch.setenv("GROQ_API_KEY", "gsk-secret")
    shown = CliRunner().invoke(assay, ["models", "--hosts", "-c", str(Path(__file__).parents[3] / "examples/workshop")])
    assert shown.exit_code == 0
    groq = next(line for line in shown.stdout.splitlines() if line.startswith("groq "))
    assert groq.split()[1:5] == ["openai", "GROQ_API_KEY", "yes", "rented"]
    assert groq.endswith("https://api.groq.com/openai/v1")
    assert "gsk-secret" not in shown.stdout
    rows = json.loads(CliRunner().invoke(assay, ["models", "--hosts", "--json"]).stdout)
    assert {row["host"] for row in rows if row["self_hosted"]} >= {"vllm", "ollama", "llamacpp", "sglang"}


def test_a_host_is_all_that_a_deployment_needs(tmp_path: Path) -> None:
    """No format, no address, no name of a variable."""
    assert CliRunner().invoke(assay, ["config", "check", "-c", config(tmp_path, 'host = "groq"')]).exit_code == 0


@pytest.mark.parametrize(
    ("model", "noted"),
    [
        (
            "openai/gpt-4o-minni",
            "'openai/gpt-4o-minni', nor so its price and limits; did you mean 'openai/gpt-4o-mini'?",
        ),
        ("acme/large", "'acme/large', nor so its price and limits\n"),
        ("openai/gpt-4o-mini", None),
    ],
)
def test_a_model_that_the_catalogue_does_not_know_is_noted(tmp_path: Path, model: str, noted: str | None) -> None:
    """It may be a team's own, so that is no fault; a misspelt one is told the id that was probably meant."""
    path = config(tmp_path, 'host = "groq"')
    (tmp_path / "assay.toml").write_text((tmp_path / "assay.toml").read_text().replace("acme/large", model))
    shown = CliRunner().invoke(assay, ["config", "check", "-c", path])
    assert shown.exit_code == 0
    assert ("note: deployments.d.model: the catalogue does not know" in shown.stdout) is (noted is not None)
    assert (noted or "") in shown.stdout
    told = json.loads(CliRunner().invoke(assay, ["config", "check", "--json", "-c", path]).stdout)
    assert len(told["notes"]) == (noted is not None)


def test_an_address_that_is_not_the_hosts_own_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, by `config check` and by `doctor`; a private one is the team's own, so there is nothing to say."""
    monkeypatch.setenv("GROQ_API_KEY", "k")
    elsewhere = 'host = "groq"\nbase_url = "http://127.0.0.1:9/v1"'
    for more, times in (("", 1), ("\nprivate = true", 0)):
        path = config(tmp_path, elsewhere + more)
        checked = CliRunner().invoke(assay, ["config", "check", "-c", path]).stdout
        looked = CliRunner().invoke(assay, ["doctor", "-c", path]).stdout
        assert checked.count("deployments.d.base_url is not groq's own address") == times
        assert looked.count("not at groq's own address") == times


def test_limits_that_nothing_can_keep_to_are_told(tmp_path: Path) -> None:
    """An unknown host is refused as `serve` does; a region or licence that nobody has is noted, the nearest named."""
    limits = 'host = "groq"\n[constraints]\n'
    with pytest.raises(ConfigError, match=r"constraints\.hosts: .*did you mean 'openai'"):
        CliRunner().invoke(
            assay, ["config", "check", "-c", config(tmp_path, f'{limits}hosts = ["opnai"]')], catch_exceptions=False
        )
    words = 'licences = ["apache2.0", "MIT"]\ndata_regions = ["euu", "US"]'
    told = json.loads(
        CliRunner().invoke(assay, ["config", "check", "--json", "-c", config(tmp_path, limits + words)]).stdout
    )
    noted = [note for note in told["notes"] if note.startswith("constraints.")]
    assert noted == [
        "constraints.licences: nothing in the catalogue has 'apache2.0'; did you mean 'apache-2.0'?",
        "constraints.data_regions: nothing in the catalogue has 'euu'; did you mean 'eu'?",
    ]


def test_an_unknown_policy_or_check_is_told_with_its_route(tmp_path: Path) -> None:
    """Of many routes, one has the misspelt word."""
    for policy, word in (
        ('kind = "splitt"', "policy 'splitt'"),
        ('kind = "cascade", check = "exakt"', "check 'exakt'"),
    ):
        route = f'host = "groq"\n[routes.r]\ncandidates = ["d"]\npolicy = {{ {policy} }}'
        with pytest.raises(PluginError, match=rf"^routes\.r\.policy: unknown {word}; did you mean"):
            CliRunner().invoke(assay, ["config", "check", "-c", config(tmp_path, route)], catch_exceptions=False)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ('host = "grok"', "deployments.d: host: the catalogue has no host 'grok'; did you mean 'groq'"),
        ('host = "azure"', "deployments.d: base_url is missing: the host 'azure' is at an address of one's own"),
        ('host = "gemini"\ndialect = "openai"', "deployments.d: dialect: the host 'gemini' speaks gemini"),
        ('host = "groq"\ndialect = "local"', "deployments.d: the dialect 'local' has no host"),
        ('host = "groq"\ndialect = "opnai"', "deployments.d: unknown dialect 'opnai'; did you mean 'openai'"),
        ('host = "groq"\ndialect = "embeddings"', "deployments.d: the dialect 'embeddings' is one that clients speak"),
        ("", "deployments.d: missing key `dialect`, or `host`"),
        (
            'host = "groq"\nquirks = { max_token_field = "max_tokens" }',
            "deployments.d: quirks: unknown 'max_token_field'; did you mean 'max_tokens_field'?",
        ),
        (
            'host = "groq"\nquirks = { capabilities = { jsonschema = "reject" } }',
            "deployments.d: quirks.capabilities: unknown feature 'jsonschema'; did you mean 'json_schema'?",
        ),
        (
            'host = "groq"\nquirks = { capabilities = { json_schema = "no" } }',
            "deployments.d: quirks.capabilities.json_schema: must be keep, emulate or reject, not 'no'",
        ),
        (
            'host = "groq"\nquirks = { ignore = ["sed"] }',
            "deployments.d: quirks.ignore: unknown feature 'sed'; did you mean 'seed'?",
        ),
        (
            'host = "groq"\napi_key_env = "sk-proj-1"',
            "deployments.d: api_key_env: must be the name of a variable; what",
        ),
        ('host = "groq"\nquirks = { ignore = "seed" }', "deployments.d: quirks.ignore: must be a list of features"),
    ],
)
def test_a_host_that_cannot_be_used_is_told(tmp_path: Path, keys: str, message: str) -> None:
    """With the deployment's name and what to write."""
    result = CliRunner().invoke(assay, ["config", "check", "-c", config(tmp_path, keys)])
    assert isinstance(result.exception, ConfigError)
    assert message in str(result.exception)


def test_doctor_says_whether_a_hosts_key_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable is the table's; nothing is asked of anybody."""
    path = config(tmp_path, 'host = "groq"')
    for key, found in (("", "no key: $GROQ_API_KEY is empty"), ("gsk-secret", "acme/large, $GROQ_API_KEY is set")):
        monkeypatch.setenv("GROQ_API_KEY", key)
        findings = json.loads(CliRunner().invoke(assay, ["doctor", "-c", path, "--json"]).stdout)
        (finding,) = [one for one in findings if one["what"] == "deployment d"]
        assert (finding["ok"], finding["found"]) == (bool(key), found)


def test_a_server_of_ones_own_needs_no_key(tmp_path: Path) -> None:
    """And is not private unless somebody says so."""
    path = config(tmp_path, 'host = "ollama"')
    findings = json.loads(CliRunner().invoke(assay, ["doctor", "-c", path, "--json"]).stdout)
    assert [one["found"] for one in findings if one["what"] == "deployment d"] == ["acme/large"]
