"""`assay logs`: what a row tells a person."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner

from assay.cli.logs_body import rendered
from assay.cli.logs_table import line as told
from assay.cli.main import assay
from assay.ledger.finished import AttemptRow

ROW: dict[str, Any] = {
    "id": "0" * 32, "request_id": "0123456789abcdef", "path": "0", "route": "r", "deployment": "small", "model": "m",
    "dialect": "openai", "kind": None, "label": "public", "started_at": 0.0, "passed_through": False,
    "reserved_usd": None, "session_id": "s", "outcome": "ok", "total_s": 0.5, "input_tokens": 3, "output_tokens": 2,
    "cost_usd": 0.1, "cost_basis": "measured",
}  # fmt: skip


def line(**more: Any) -> str:
    """The line of one attempt."""
    return told(AttemptRow(**{**ROW, **more}))


def test_a_row_tells_why_and_what_was_not_told() -> None:
    """The reason, the emulated features, whose answer it continues, and the error come last, the error first."""
    found = line(
        message="refused", emulated="seed, json_schema", continued_from="fedcba9876543210", why="fallback: a failed"
    )
    assert found.endswith("refused; emulated: seed, json_schema; continues fedcba9876543210; fallback: a failed")
    assert line().endswith("0.100 USD")


def test_a_shadow_is_marked() -> None:
    """What was shown to nobody is not taken for an answer."""
    assert "ok (shadow)" in line(shadow=True)
    assert "shadow" not in line()


def test_requests_of_one_millisecond_are_told_apart() -> None:
    """What is shown of an id names one request, also under load: its first 12 digits are its millisecond."""
    assert line(request_id="019ac31f0b7e" + "4d" * 10) != line(request_id="019ac31f0b7e" + "6a" * 10)


def test_a_row_is_one_line_whatever_a_host_says() -> None:
    """Words of hosts and clients neither break a line nor reach the terminal as commands."""
    found = line(message="over\nloaded\x1b[2J", kind="\x9b31m")
    assert found.isprintable()
    assert "over loaded\\x1b[2J" in found


def test_a_body_does_not_write_upon_the_terminal() -> None:
    """What was said is shown with its lines and tabs, and with its control characters written out."""
    told = {
        "request_id": "r", "target": "desk", "kind": None, "label": "public", "deployment": "small", "redacted": 0,
        "kept": "full", "feedback": [{"verdict": "edited", "metric": None, "value": None, "correction": None,
                                      "comment": "so\x9b31m"}],
        "request": {"messages": [{"role": "user", "parts": [{"type": "text", "text": "one\n\ttwo\x1b[2J"}]}]},
        "answer": [{"type": "text", "text": "yes\r\u202eno"}],
    }  # fmt: skip
    shown = rendered(told)
    assert "one\n\ttwo\\x1b[2J" in shown
    assert not {"\x1b", "\x9b", "\r", "\u202e"} & set(shown)


@pytest.mark.parametrize("url", ["nonsense", "127.0.0.1:4318", "ftp://x/v1", "http://", "http://x:99999/", "http://[x"])
def test_no_address_is_a_usage_error(url: str) -> None:
    """A collector that there cannot be is refused before the ledger is read."""
    ended = CliRunner().invoke(assay, ["logs", "--otlp", url])
    assert ended.exit_code == 2
    assert "is no address: http://127.0.0.1:4318/v1/traces" in ended.output
