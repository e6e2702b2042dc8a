"""The table of hosts, and what a deployment gets from it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import msgspec
import pytest

from assay.catalog.host import Host
from assay.catalog.host_rows import host_rows
from assay.catalog.load import Catalog, builtin, read
from assay.catalog.reach import reached, rented_from
from assay.config.schema import Deployment
from assay.dialects import openai_chat
from assay.dialects.capability import Fit
from assay.errors import CatalogError, ConfigError

HOSTS = [pytest.param(key, host, id=key) for key, host in builtin().hosts.items()]
DIALECTS = {"openai", "openai-responses", "completions", "anthropic", "gemini"}
QUIRKS = set(
    re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", openai_chat.__doc__ or "", re.MULTILINE)))
) | {"auth"}


def at(**said: object) -> Deployment:
    """A deployment as `assay.toml` would say it."""
    return msgspec.convert({"model": "acme/large", **said}, Deployment)


# ------------------------------------------------------------------------------------------ the data


@pytest.mark.parametrize(("key", "host"), HOSTS)
def test_a_host_has_an_address_and_says_whose_it_is(key: str, host: Host) -> None:
    """A rented host is reached by TLS; a server of one's own is at its usual port of this machine, without a key."""
    assert re.fullmatch(r"[a-z0-9-]+", key)
    assert host.base_url is not None
    assert not host.base_url.endswith("/")
    url = urlsplit(host.base_url)
    assert (url.scheme, url.hostname == "127.0.0.1") == (("http", True) if host.self_hosted else ("https", False))
    assert {host.dialect, *host.dialects} <= DIALECTS
    assert host.api_key_env is None or re.fullmatch(r"[A-Z][A-Z0-9_]+", host.api_key_env)
    assert host.api_key_env is None or not host.self_hosted
    assert host.docs


@pytest.mark.parametrize(("key", "host"), HOSTS)
def test_a_hosts_quirks_are_ones_that_dialects_know(key: str, host: Host) -> None:
    """A quirk or feature with another name would be ignored without a word."""
    assert set(host.quirks) <= QUIRKS
    Fit({}, host.quirks, key)


@pytest.mark.parametrize(("key", "host"), HOSTS)
def test_every_fact_of_a_host_has_a_dated_source(key: str, host: Host) -> None:
    """Who says so and as of when stands beside each field; what nobody looked up is marked."""
    row = next(row for row in host_rows(builtin(), {}) if row["host"] == key)
    assert set(row["sources"]) >= {"dialect", "base_url"}
    assert row["as_of"]
    assert row["unverified"] == [fact for fact, title in row["sources"].items() if "not looked up" in title]


def test_a_host_of_a_teams_own_file_needs_a_source() -> None:
    """Evidence that stands for nothing is a mistake, and so is evidence for no field."""
    text = 'as_of = "2026"\n[sources.us]\ntitle = "us"\n[hosts.h]\nname = "H"\ndialect = "openai"\nevidence = "us"\n'
    assert read(text.encode(), "own").hosts["h"].provenance("base_url").as_of == "2026"
    with pytest.raises(CatalogError, match=r"host 'h': evidence 'uz' is not under \[sources\]"):
        read(text.replace('"us"\n', '"uz"\n').replace('title = "uz"', 'title = "us"').encode(), "own")
    with pytest.raises(CatalogError, match="'bas_url', which is no fact; did you mean 'base_url'"):
        read((text + 'evidence_for = { bas_url = "us" }\n').encode(), "own")


def test_rows_say_whether_a_key_is_there_and_never_show_it() -> None:
    """The variable's name and whether it holds something, that is all."""
    rows = {row["host"]: row for row in host_rows(builtin(), {"GROQ_API_KEY": "gsk-secret", "XAI_API_KEY": "  "})}
    assert [rows[name]["key_set"] for name in ("groq", "xai", "ollama")] == [True, False, None]
    assert "gsk-secret" not in msgspec.json.encode(list(rows.values())).decode()


# -------------------------------------------------------------------------------- what a deployment gets


def test_a_host_gives_address_format_key_and_quirks() -> None:
    """A deployment that names a host needs nothing else."""
    found = reached(at(host="mistral", model="mistral/large"), None, builtin())
    assert found.upstream_model == "large"
    assert found.deployment.dialect == "openai"
    assert found.deployment.base_url == "https://api.mistral.ai/v1"
    assert found.deployment.api_key_env == "MISTRAL_API_KEY"
    assert found.deployment.quirks["stream_options"] is False
    assert not found.deployment.is_private


def test_what_a_deployment_says_wins() -> None:
    """Its own address, format, variable, name and quirks; capabilities are merged one by one."""
    said = at(
        host="mistral", base_url="http://127.0.0.1:9/v1", api_key_env="MINE", upstream_model="tiny",
        dialect="completions", quirks={"stream_options": True, "capabilities": {"logprobs": "keep"}},
    )  # fmt: skip
    found = reached(said, None, builtin())
    assert (found.upstream_model, found.deployment.dialect, found.deployment.api_key_env) == (
        "tiny",
        "completions",
        "MINE",
    )
    assert found.deployment.base_url == "http://127.0.0.1:9/v1"
    assert found.deployment.quirks["stream_options"] is True
    assert found.deployment.quirks["max_tokens_field"] == "max_tokens"
    assert found.deployment.quirks["capabilities"] == {"logit_bias": "reject", "logprobs": "keep"}


def test_names_with_their_maker_are_sent_whole_where_the_host_wants_them() -> None:
    """A router finds `maker/name`; a maker's own host is asked for `name`."""
    assert reached(at(host="openrouter"), None, builtin()).upstream_model == "acme/large"
    assert reached(at(host="groq"), None, builtin()).upstream_model == "large"


def test_another_format_of_a_host_is_chosen_by_its_dialect() -> None:
    """Several formats are spoken at one address; a foreign one is refused instead of sent to it."""
    found = reached(at(host="openai", dialect="openai-responses"), None, builtin())
    assert (found.deployment.dialect, found.deployment.base_url) == ("openai-responses", "https://api.openai.com/v1")
    with pytest.raises(ConfigError, match="host 'gemini' speaks gemini, not 'openai', unless a base_url"):
        reached(at(host="gemini", dialect="openai"), None, builtin())


def test_a_model_of_the_catalogue_has_its_hosts_name_and_address() -> None:
    """Without a host the first that offers the model in this format is taken, its variable of the key included."""
    model = builtin().find("anthropic/claude-sonnet-4-5")
    found = reached(at(model=model.id, dialect="anthropic"), model, builtin())
    assert (found.deployment.host, found.deployment.api_key_env) == ("anthropic", "ANTHROPIC_API_KEY")
    assert found.upstream_model.startswith("claude-sonnet-4-5")


def test_an_address_of_ones_own_gets_nothing_from_the_table() -> None:
    """A key or a quirk of the maker's host is not for whoever sits at another address."""
    model = builtin().find("openai/gpt-4o-mini")
    said = at(model=model.id, dialect="openai", base_url="http://127.0.0.1:9/v1")
    assert reached(said, model, builtin()).deployment == said


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("openai", None),
        ("openai", "https://api.openai.com/v1/"),
        ("openai", "HTTPS://API.openai.com:443/v2"),
        ("azure", "https://acme.openai.azure.com/openai/v1"),
        ("vertex", "https://europe-west4-aiplatform.googleapis.com/v1/projects/p/locations/europe-west4"),
        ("vllm", "http://127.0.0.1:8000/v1"),
    ],
)
def test_an_address_of_the_hosts_own_is_its(host: str, address: str | None) -> None:
    """As the table has it, at another path or by its default port, or of an account of one's own."""
    assert rented_from(at(host=host, base_url=address), builtin()) == host


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("openai", "http://api.openai.com/v1"),
        ("openai", "https://api.openai.com:8443/v1"),
        ("openai", "https://api.openai.com.acme.example/v1"),
        ("openai", "https://api.openai.com@acme.example/v1"),
        ("openai", "https://acme.example/api.openai.com/v1"),
        ("openai", "https://api.openai.com:x/v1"),
        ("openai", "http://127.0.0.1:9/v1"),
        ("openai", ""),
        ("azure", "https://acme.example/x.openai.azure.com/openai/v1"),
        ("azure", "https://.openai.azure.com/openai/v1"),
        ("azure", "https://acme.openai.azure.com.example/openai/v1"),
        ("azure", "https://acme.openaiXazure.com/openai/v1"),
        ("vllm", "http://gpu.example:8000/v1"),
    ],
)
def test_another_address_is_a_strangers(host: str, address: str) -> None:
    """Whoever is there has promised nothing of what the named host promises."""
    assert rented_from(at(host=host, base_url=address, dialect="openai"), builtin()) is None


def test_whose_an_address_is_without_a_table() -> None:
    """A private deployment is rented from nobody; a host without an address in the table is where one says."""
    text = b'as_of = "2026"\nsources.us.title = "us"\n[hosts.lab]\nname = "Lab"\ndialect = "openai"\nevidence = "us"\n'
    catalog = Catalog([("own", read(text, "own"))])
    assert rented_from(at(host="lab", base_url="http://lab/v1"), catalog) == "lab"
    assert rented_from(at(host="lab", base_url="http://lab/v1", private=True), catalog) is None
    assert rented_from(at(dialect="openai", base_url="http://lab/v1"), catalog) is None


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"host": "grok"}, "host: the catalogue has no host 'grok'; did you mean 'groq'"),
        (
            {"host": "azure"},
            r"base_url is missing: the host 'azure' is at an address of one's own, https://\{resource\}",
        ),
        ({"dialect": "openai"}, "base_url is missing, and the catalogue knows none"),
        ({"host": "mistral", "quirks": {"capabilities": "none"}}, "quirks.capabilities: must be a table"),
    ],
)
def test_what_cannot_be_reached_is_told_with_its_remedy(said: dict[str, object], message: str) -> None:
    """Nearest names, and what the missing address looks like."""
    with pytest.raises(ConfigError, match=message):
        reached(at(**said), None, builtin())


def test_a_teams_own_host_can_be_named() -> None:
    """A file of the catalogue adds hosts as it adds models."""
    text = b'as_of = "2026"\nsources.us.title = "us"\n[hosts.lab]\nname = "Lab"\ndialect = "openai"\n'
    own = read(text + b'base_url = "http://lab/v1"\nevidence = "us"\n', "own")
    catalog = Catalog([("own", own)])
    assert reached(at(host="lab"), None, catalog).deployment.base_url == "http://lab/v1"
