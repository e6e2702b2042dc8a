"""What hosts give off for batches: known with a source, stated by a deployment, or not known."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.catalog.host_rows import host_rows
from assay.catalog.load import builtin
from assay.catalog.reach import reached
from assay.config.load import parse
from assay.config.schema import Deployment
from assay.errors import ConfigError


@pytest.mark.parametrize("host", ["anthropic", "gemini", "openai"])
def test_known_discounts_have_a_source(host: str) -> None:
    """Each says who says so."""
    found = builtin().host(host)
    assert found.batch_discount == 0.5
    assert "batch" in found.provenance("batch_discount").title
    row = next(row for row in host_rows(builtin(), {}) if row["host"] == host)
    assert (row["batch_discount"], "batch_discount" in row["sources"]) == (0.5, True)


def test_others_are_not_known() -> None:
    """Nothing is made up for a host that nobody has looked at."""
    assert builtin().host("cerebras").batch_discount is None


def test_a_deployment_has_its_hosts_unless_it_states_its_own() -> None:
    """What the deployment says wins, 0 included; at an address of its own nothing is filled in."""
    at_host = Deployment(model="acme/x", host="openai")
    assert reached(at_host, None, builtin()).deployment.batch_discount == 0.5
    own = Deployment(model="acme/x", host="openai", batch_discount=0.0)
    assert reached(own, None, builtin()).deployment.batch_discount == 0.0
    elsewhere = Deployment(model="acme/x", dialect="openai", base_url="http://127.0.0.1:1/v1")
    assert reached(elsewhere, None, builtin()).deployment.batch_discount is None


def test_a_discount_is_a_share(tmp_path: Path) -> None:
    """50 is no share: the error names the key."""
    toml = b'[deployments.x]\nmodel = "acme/x"\nhost = "openai"\nbatch_discount = 50\n'
    with pytest.raises(ConfigError, match="batch_discount"):
        parse(toml, tmp_path / "assay.toml")
