"""`assay doctor` tells which walls this machine has for model-written code."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from assay.cli.main import assay
from assay.sandbox import probe

BOTH = (probe.Finding("bubblewrap", True, "works"), probe.Finding("landlock", False, "ABI 0"))
NEITHER = (probe.Finding("bubblewrap", False, "no bwrap; install it"), probe.Finding("landlock", False, "ABI 0"))


@pytest.mark.parametrize(("findings", "ok"), [(BOTH, True), (NEITHER, False)])
def test_doctor_has_a_finding_for_each_back_end(
    monkeypatch: pytest.MonkeyPatch, findings: tuple[probe.Finding, ...], ok: bool
) -> None:
    """One working back end is enough; each is listed, with its reason where it does not work."""
    monkeypatch.setattr(probe, "available", lambda: findings)
    told = json.loads(CliRunner().invoke(assay, ["doctor", "--json"]).stdout)
    found = {one["what"]: one for one in told if one["what"].startswith("sandbox")}
    assert [one["ok"] for one in found.values()] == [ok, ok]
    assert "ABI 0" in found["sandbox landlock"]["found"]
    assert findings[0].reason in found["sandbox bubblewrap"]["found"]
