"""`assay fit --measure` with the real engine and the small weights: figures that come back, and estimates that hold."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.local

MODEL = "huggingfacetb/smollm2-135m-instruct"
CONTEXT = "1024"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """One thread, and data and caches of the test's own."""
    own = {"ASSAY_THREADS": "1", "XDG_DATA_HOME": str(tmp_path / "data"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    return {**os.environ, **own}


def fitted(folder: Path, environ: dict[str, str], *words: str) -> tuple[dict[str, Any], str]:
    """The row of the model, and what was said on the way."""
    command = [sys.executable, "-m", "assay", "fit", MODEL, "--context", CONTEXT, "--json", *words]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=300, check=True)
    [row] = json.loads(done.stdout)["models"]
    return row, done.stderr


def test_a_measurement_replaces_an_estimate_that_held(tmp_path: Path, environ: dict[str, str]) -> None:
    """Memory within 10 % of the estimate, tokens a second within its range; then both are shown as measured here."""
    guess, _ = fitted(tmp_path, environ)
    assert guess["measured"] is None
    measured, said = fitted(tmp_path, environ, "--measure")
    assert "tokens/s (ninth decile of" in said
    assert measured["measured"].startswith("measured here, ")
    assert measured["total_bytes"] == pytest.approx(guess["total_bytes"], rel=0.10)
    rate, band = measured["decode_tok_s"]["value"], guess["decode_tok_s"]
    assert band["low"] <= rate <= band["high"]
    again, _ = fitted(tmp_path, environ)
    assert again["decode_tok_s"] == measured["decode_tok_s"]
    assert again["total_bytes"] == measured["total_bytes"]


def test_what_was_measured_is_in_the_ledger_like_every_call(tmp_path: Path, environ: dict[str, str]) -> None:
    """Each answer is an attempt of its own kind; the engine is measured, not the deployment's prompt and limits."""
    deployment = f'model = "{MODEL}"\ndialect = "local"\nonly_kinds = ["x"]\nsettings = {{ choices = ["a", "b"] }}\n'
    (tmp_path / "assay.toml").write_text(f"[deployments.small]\n{deployment}")
    command = [sys.executable, "-m", "assay", "fit", "small", "--measure", "--json"]
    subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=300, check=True)
    logs = [sys.executable, "-m", "assay", "logs", "-k", "assay.fit", "--json", "-n", "99"]
    done = subprocess.run(logs, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=True)
    attempts = json.loads(done.stdout)["attempts"]
    assert len(attempts) >= 7
    assert {(one["deployment"], one["outcome"]) for one in attempts} == {(MODEL, "ok")}
