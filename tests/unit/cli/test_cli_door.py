"""The outer door: what is printed whatever it holds."""

from __future__ import annotations

import json

import pytest

from assay.cli.door import emit


def test_json_holds_names_that_are_no_utf8(capsys: pytest.CaptureFixture[str]) -> None:
    """Files may be called anything; what is printed is JSON all the same."""
    emit({"path": "\udcff.gguf", "n": 1}, True, "")
    assert json.loads(capsys.readouterr().out) == {"path": "\udcff.gguf", "n": 1}
