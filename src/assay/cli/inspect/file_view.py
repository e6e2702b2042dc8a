"""What a file of weights says of itself, as text."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import wrap

from assay.catalog.model import Model
from assay.catalog.overview import Fact, details
from assay.cli.figures import cut, printable
from assay.cli.inspect.cache import token_values
from assay.decision.table import table
from assay.numerals import plural
from assay.weights.anatomy import Anatomy, Group

__all__ = ["facts_text", "file_text"]

CUT_CHARS = 200
CUT_VALUE_CHARS = 80
WIDTH = 100


def file_text(found: Anatomy, *, tensors: bool, template: bool) -> str:
    """Shape, tokenizer, tensors by kind; every tensor and the whole template where they are asked for."""
    shape = found.shape
    lines = [
        printable(f"{found.name or 'unnamed'}: {found.architecture or 'unknown architecture'}, {found.path}"),
        f"{found.parameters / 1e6:,.1f} M parameters in {plural(len(found.tensors), 'tensor')}, "
        f"{_mb(found.file_bytes)} as {found.format}{f' in {found.files} files' if found.files > 1 else ''}, "
        f"{_bits(found.bits_per_weight)} bits per weight, mostly {found.quantisation or 'mixed'}",
        printable(f"licence in the file: {found.licence or 'not said'}"),
        "",
        f"layers {_known(shape.layers)}, width {_known(shape.hidden)}, feed-forward {_known(shape.feed_forward)}, "
        f"heads {_known(shape.heads)} x {_known(shape.head_dim)}, key-value heads {_known(shape.kv_heads)}",
        f"context {_known(shape.context_tokens)} tokens"
        + (f", window {shape.sliding_window:,}" if shape.sliding_window else "")
        + (f", {shape.experts} experts of which {_known(shape.experts_used)} are used" if shape.experts else ", dense"),
        _cache(found),
        f"tokenizer {found.tokenizer.model or 'unknown'}, {_known(found.tokenizer.vocabulary)} tokens"
        + _special(found.tokenizer.special),
        "the output is the table of embeddings, read backwards" if found.tied else "the output has a table of its own",
        "",
        *_groups(found.groups),
    ]
    lines += ["", *_template(found.chat_template, whole=template)]
    if tensors:
        head = ("tensor", "kind", "shape", "type", "bytes")
        rows = [
            (
                printable(one.name),
                one.kind,
                " x ".join(map(str, one.shape)) or "one number",
                one.type_name,
                f"{one.size_bytes:,}" if one.size_bytes is not None else "unknown",
            )
            for one in found.tensors
        ]
        lines += ["", *table(head, rows)]
    return "\n".join(lines)


def facts_text(model: Model | None, missing: str) -> tuple[list[Fact], str]:
    """What the catalogue says where there is no file to look into."""
    if model is None:
        return [], f"nothing is known of it, and {missing}"
    facts = [fact for fact in details(model) if fact["value"] is not None]
    rows = [(fact["fact"], cut(_value(fact["value"]), CUT_VALUE_CHARS), fact["as_of"] or "-") for fact in facts]
    head = f"{model.id}: {missing}. What the catalogue knows (`assay models show {model.id}` has the sources):"
    return facts, "\n".join((*wrap(head, width=WIDTH), *table(("fact", "value", "as of"), rows)))


def _value(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _groups(groups: Iterable[Group]) -> list[str]:
    groups = list(groups)
    whole = sum(group.parameters for group in groups) or 1
    rows = [
        (
            group.kind,
            f"{group.tensors}",
            f"{group.parameters / 1e6:,.2f} M",
            f"{100 * group.parameters / whole:.1f} %",
            _mb(group.size_bytes) if group.size_bytes is not None else "unknown",
            _bits(group.bits_per_weight),
            ", ".join(group.types),
        )
        for group in groups
    ]
    return table(("kind", "tensors", "parameters", "share", "size", "bits each", "types"), rows)


def _cache(found: Anatomy) -> str:
    numbers = token_values(found)
    if numbers is None:
        return "cache per token: not known from this file"
    window = " (layers with a window keep theirs only)" if found.shape.sliding_window else ""
    return f"cache per token of context: {numbers:,} numbers, {numbers * 2 / 1024:,.1f} KiB in 16 bits{window}"


def _template(template: str | None, *, whole: bool) -> list[str]:
    if template is None:
        return ["no chat template: a base model, which continues text, or the template is elsewhere"]
    shown = template if whole or len(template) <= CUT_CHARS else f"{template[:CUT_CHARS]}…"
    more = "" if shown == template else f" ({plural(len(template), 'character')}; --template prints it)"
    return [f"chat template{more}:", printable(shown)]


def _special(special: dict[str, int | str]) -> str:
    told = ", ".join(f"{name} {token}" for name, token in sorted(special.items()))
    return printable(f"; special: {told}") if told else ""


def _known(value: float | None) -> str:
    return f"{value:,}" if value is not None else "unknown"


def _bits(value: float | None) -> str:
    return f"{value:.2f}" if value is not None else "unknown"


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB"
