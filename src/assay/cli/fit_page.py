"""How `assay fit` shows itself: a list, or a page for one model with bars of its memory."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from textwrap import wrap

import click

from assay.cli.models.cells import short
from assay.decision.table import MOST, table
from assay.envelope.fit_row import FitRow, RangeRow
from assay.envelope.hardware import GIB, Machine
from assay.numerals import plural

WIDTH = 110
BAR_CELLS = 60
PARTS = (("weights", "█", "blue"), ("cache", "▓", "cyan"), ("compute", "▒", "magenta"), ("overhead", "░", "yellow"))
FREE = "·"
HEAD = ("model", "verdict", "format", "GiB", "context", "at once", "tokens/s", "first s", "licence")
OPTIONS_SHOWN = 8


def listing(machine: Machine, rows: Sequence[FitRow]) -> str:
    """Every model in a line, under what it was fitted onto."""
    counts = [
        f"{sum(row.verdict == verdict for row in rows)} {verdict}" for verdict in ("fits", "tight", "no", "unknown")
    ]
    cells = [
        (
            row.model,
            row.verdict + (" *" if row.measured else ""),
            row.quantisation or "-",
            f"{row.total_bytes / GIB:,.1f}" if row.total_bytes is not None else "-",
            short(row.most_context_tokens) if row.most_context_tokens else "-",
            _count(row),
            _range(row.decode_tok_s),
            _range(row.first_token_s),
            _licence(row) if row.verdict != "unknown" else f"unknown: {', '.join(row.missing)}",
        )
        for row in rows
    ]
    marked = ["", "* measured here"] if any(row.measured for row in rows) else []
    head = [*_device(machine), f"{plural(len(rows), 'model')}: {', '.join(counts)}", ""]
    return "\n".join([*head, *table(HEAD, cells, most=MOST), *marked])


def page(machine: Machine, row: FitRow) -> str:
    """Everything about one model."""
    lines = [f"{row.model} on {machine.name}: {row.verdict.upper()}", *(f"  {reason}" for reason in row.reasons), ""]
    lines += [*_memory(machine, row), *_limits(row), *_speed(machine.kind, row), *_rest(row)]
    return "\n".join(line.rstrip() for line in lines)


def _device(machine: Machine) -> list[str]:
    """What it is, and below who says so."""
    memory = f"{machine.memory_bytes / GIB:,.1f} GiB, {machine.usable_bytes / GIB:,.1f} usable"
    speed = "bandwidth unknown" if machine.bandwidth_bytes_s is None else f"{machine.bandwidth_bytes_s / 1e9:,.0f} GB/s"
    said = wrap(machine.basis, WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
    return [f"{machine.name}: {memory}, {speed}", *said]


def _licence(row: FitRow) -> str:
    found = row.licence
    return f"{found.id or 'unknown'}" + ("" if found.verdict == "allowed" else f": {found.verdict} ({found.term})")


def _count(row: FitRow) -> str:
    if row.most_sequences is None:
        return "-"
    return f"{row.most_sequences:,}"


def _range(one: RangeRow | None, unit: str = "") -> str:
    if one is None:
        return "unknown"
    digits = 0 if one.low >= 20 else 1 if one.low >= 1 else 2
    return f"{one.low:,.{digits}f} to {one.high:,.{digits}f}{unit}"


# ------------------------------------------------------------------------------------------- memory


def _memory(machine: Machine, row: FitRow) -> list[str]:
    if row.total_bytes is None or row.free_bytes is None:
        return [f"  memory      unknown, of {machine.usable_bytes / GIB:,.1f} GiB"]
    sizes = [(name, getattr(row, f"{name}_bytes"), mark, colour) for name, mark, colour in PARTS]
    whole = max(row.total_bytes, machine.usable_bytes, 1)
    wide = max(7, len(f"{whole / GIB:,.2f}"))
    bar = "".join(_styled(mark * _cells(size, whole), colour) for _, size, mark, colour in sizes)
    used = sum(_cells(size, whole) for _, size, _, _ in sizes)
    lines = [f"  memory      |{bar}{FREE * max(0, BAR_CELLS - used)}|"]
    for name, size, mark, colour in sizes:
        lines.append(f"    {_styled(mark, colour)} {name:<9} {size / GIB:{wide},.2f} GiB")
    over = "free" if row.free_bytes >= 0 else "too much"
    lines.append(
        f"    {FREE} {over:<9} {abs(row.free_bytes) / GIB:{wide},.2f} GiB, of {machine.usable_bytes / GIB:,.2f} usable"
    )
    lines.append(f"    {row.memory_basis}")
    return lines


def _cells(size: int, whole: int) -> int:
    return round(BAR_CELLS * max(0, size) / whole)


def _styled(text: str, colour: str) -> str:
    """Coloured on a terminal that wants colours."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return click.style(text, fg=colour)


# --------------------------------------------------------------------------------------------- rest


def _limits(row: FitRow) -> list[str]:
    if row.total_bytes is None:
        return []
    tokens = plural(row.most_context_tokens, "token") if row.most_context_tokens is not None else "any context"
    many = f"{row.most_sequences:,}" if row.most_sequences is not None else "any number"
    return [
        f"  for         {row.sequences} x {plural(row.context_tokens, 'token')} of context, {row.quantisation}",
        f"  at most     {tokens} for {row.sequences} at once; {many} at once of {plural(row.context_tokens, 'token')}",
    ]


def _speed(kind: str, row: FitRow) -> list[str]:
    if row.decode_tok_s is None:
        return ["  speed       unknown: the bandwidth of the device, or what a token uses, is not known"]
    aside = "; if it fitted" if row.verdict == "no" else ""
    lines = [f"  tokens/s    {_figure(row.decode_tok_s)}{aside}"]
    if row.sequences > 1:
        aside = ", where requests run side by side (quirks.exact = false)" if kind == "cpu" else ""
        lines.append(f"    together  {_figure(row.most_tok_s)}{aside}")
    lines.append(
        f"  first token {_figure(row.first_token_s, ' s')} after a prompt of {plural(row.prompt_tokens, 'token')}"
    )
    lines.append(f"    {row.decode_tok_s.method}")
    return lines


def _figure(one: RangeRow | None, unit: str = "") -> str:
    if one is None:
        return "unknown"
    digits = 0 if one.value >= 100 else 1 if one.value >= 1 else 2
    return f"{one.value:,.{digits}f}{unit} ({_range(one, unit)})"


def _rest(row: FitRow) -> list[str]:
    licence = row.licence
    decides = f"{licence.term} decides: " if licence.verdict != "allowed" else ""
    lines = [f"  licence     {licence.id or 'unknown'}: {licence.verdict}; {decides}{licence.reason}"]
    lines += [f"    must      {duty}" for duty in licence.duties]
    lines.append(f"  privacy     {row.privacy}")
    power = "unknown" if row.watts is None else f"{row.watts:,.0f} W under load"
    energy = "" if row.joules_per_token is None else f", {row.joules_per_token:,.1f} J a token"
    lines.append(f"  power       {power}{energy}")
    if row.burden is not None:
        lines.append(f"  support     {row.burden.level or 'unknown'}: {'; '.join(row.burden.reasons)}")
    name = "instead" if row.verdict in ("no", "unknown") else "if it fails"
    lines += [f"  {name if first else '':<11} {line}" for first, line in _firsts(row.failures)]
    if len(row.options) > 1:
        lines += ["", *_options(row)]
    return lines


def _firsts(lines: Sequence[str]) -> list[tuple[bool, str]]:
    return [(number == 0, line) for number, line in enumerate(lines)]


def _options(row: FitRow) -> list[str]:
    cells = [
        (one.quantisation, f"{one.total_bytes / GIB:,.1f}", one.verdict, one.basis)
        for one in row.options[:OPTIONS_SHOWN]
    ]
    return table(("format", "GiB", "verdict", "weights"), cells, "  ")
