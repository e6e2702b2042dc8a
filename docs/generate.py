"""Writes the pages of docs/ that repeat the code: config.md, policies.md, cli.md, ledger.md, errors.md, dialects.md.

    python docs/generate.py            write them
    python docs/generate.py --check    exit with 1 and name the pages that are stale; write nothing

Nothing here is written by hand: a page says what the schema's docstrings, the commands' help, `schema.sql`, the
error tree and the formats' tables say.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
import types
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import click
import msgspec

from assay import errors, plugins
from assay.cli.main import assay
from assay.config.schema import Config
from assay.config.table import Section
from assay.dialects.capability import FEATURES, HINTS

FOLDER = Path(__file__).parent
_NOTICE = "<!-- written by docs/generate.py; change the code, then `make docs` -->\n\n"
_HELP_WIDTH = 100


# ---------------------------------------------------------------------------------------- assay.toml


class Key(NamedTuple):
    """One key of a table of `assay.toml`."""

    name: str
    type: str
    default: str
    meaning: str


class Table(NamedTuple):
    """One kind of table of `assay.toml`."""

    kind: type[Section]
    places: list[str]


def meanings(kind: type[Section]) -> dict[str, str]:
    """What the docstring of a section says under `Attributes:`, by key."""
    _, _, text = (inspect.getdoc(kind) or "").partition("Attributes:\n")
    found: dict[str, str] = {}
    key = ""
    for line in text.splitlines():
        start = re.match(r" {4}(\w+): (.*)", line)
        if start:
            key = start[1]
            found[key] = start[2]
        elif line.strip() and key:
            found[key] += " " + line.strip()
    return found


def keys(kind: type[Section]) -> list[Key]:
    """The keys of a section. A key without a meaning has an empty one; a test says so."""
    said, hints = meanings(kind), get_type_hints(kind, include_extras=True)
    return [
        Key(field.name, _type(hints[field.name]), _default(field), said.get(field.name, ""))
        for field in msgspec.structs.fields(kind)
    ]


def tables() -> list[Table]:
    """All kinds of tables, in the order of the schema, each with the places where it may stand."""
    return tables_of(Config, "")


def tables_of(root: type[Section], at: str) -> list[Table]:
    """A kind of table, which stands at `at`, and all that are inside it."""
    found: dict[type[Section], list[str]] = {}

    def visit(kind: type[Section], place: str) -> None:
        found.setdefault(kind, []).append(place)
        for name, annotation in get_type_hints(kind, include_extras=True).items():
            for inner, suffix in _inner(annotation, name):
                visit(inner, f"{place}.{name}{suffix}" if place else name + suffix)

    visit(root, at)
    return [Table(kind, places) for kind, places in found.items()]


def _inner(annotation: Any, name: str) -> Iterator[tuple[type[Section], str]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation, ""
    elif get_origin(annotation) is dict:
        yield from (
            (item, f".{'KIND' if name == 'kinds' else 'NAME'}") for item, _ in _inner(get_args(annotation)[1], name)
        )
    elif get_origin(annotation) is tuple:
        yield from ((item, "[]") for item, _ in _inner(get_args(annotation)[0], name))
    elif get_origin(annotation) in (Union, types.UnionType):
        for option in get_args(annotation):
            yield from _inner(option, name)


_WORDS = {str: "text", int: "integer", float: "number", bool: "true or false", Any: "anything"}


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return f"{_type(arguments[0])}{_bounds(arguments[1])}"
    if origin is Literal:
        return " or ".join(f"`{word}`" for word in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(_type(option) for option in arguments if option is not types.NoneType)
    if origin is tuple:
        return f"array of {_type(arguments[0])}"
    if origin is dict:
        return f"table of {_type(arguments[1])}"
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    return _WORDS[annotation]


def _bounds(meta: msgspec.Meta) -> str:
    low = f"≥ {meta.ge:g}" if meta.ge is not None else f"> {meta.gt:g}" if meta.gt is not None else ""
    high = f"≤ {meta.le:,.10g}" if meta.le is not None and meta.le < 1e12 else ""  # above it stands for finite
    said = ", ".join(part for part in (low, high) if part)
    return f" {said}" if said else ""


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "*needed*"
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    plain = msgspec.to_builtins(value)
    if plain is None or plain in ({}, [], (), ""):
        return ""
    return f"`{_toml(plain)}`"


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def config_page() -> str:
    """docs/config.md: a table of keys for each section."""
    parts = [
        "# assay.toml\n\n"
        + _NOTICE
        + "One file holds everything that is configured. Units stand in key names; an unknown "
        "key is an error that names the nearest known one; relative paths start at the file. `assay config check` says "
        "what is wrong with a file, `assay config show` what it comes to.\n"
    ]
    for kind, places in tables():
        where = ", ".join(f"`{place}`" if place.endswith("[]") else f"`[{place}]`" for place in places if place)
        first = (inspect.getdoc(kind) or "").partition("Attributes:")[0].strip()
        head = [f"## {kind.__name__}", "", *([where, ""] if where else []), first, ""]
        parts.append("\n".join([*head, *_key_rows(kind)]))
    return "\n".join(parts)


def _key_rows(kind: type[Section]) -> list[str]:
    rows = [f"| `{key.name}` | {key.type} | {key.default} | {_cell(key.meaning)} |" for key in keys(kind)]
    return ["| key | type | default | meaning |", "|---|---|---|---|", *rows, ""]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def policies_page() -> str:
    """docs/policies.md: what a route's `policy` may be."""
    parts = [
        "# Policies\n\n"
        + _NOTICE
        + 'A route\'s `policy = { kind = "...", ... }` says who is asked, in what order, and whose answer counts. '
        "Failed calls are repeated as `retries` of the deployment says, before a policy hears of them; a candidate may "
        "be another route. The reason of each call stands in the header `x-assay-reason` and in the ledger.\n"
    ]
    for name in plugins.names("assay.policies"):
        for kind, _ in tables_of(plugins.load("assay.policies", name), name):
            first = (inspect.getdoc(kind) or "").partition("Attributes:")[0].strip()
            title = f"## {name}" if hasattr(kind, "decide") else f"### {kind.__name__}"
            parts.append("\n".join([title, "", first, "", *(_key_rows(kind) if keys(kind) else [])]))
    return "\n".join(parts)


# ---------------------------------------------------------------------------------------- other pages


def commands(command: click.Command, path: tuple[str, ...] = ("assay",)) -> Iterator[tuple[str, click.Command]]:
    """A command and all below it, with their full names."""
    yield " ".join(path), command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path[-1])
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from commands(inner, (*path, name))


def cli_page() -> str:
    """docs/cli.md: what `--help` prints, for every command."""
    parts = ["# Commands\n\n" + _NOTICE + "What `--help` prints, for every command.\n"]
    for name, command in commands(assay):
        settings = {"help_option_names": ["-h", "--help"], "terminal_width": _HELP_WIDTH}
        with click.Context(command, info_name=name, **settings) as context:  # type: ignore[arg-type]  # two known keys
            text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
        parts.append(f"## {name}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


_DURABILITY = """## What is durable, and when

Attempts and requests are written to a journal first (`assay.db-SESSION-NUMBER.journal`, beside the file), by one write
each, and folded into SQLite in bulk within about 250 ms: so soon another program sees them. Whoever reads through assay
sees them at once. All else (runs, results, answers of the cache, decisions) is written to SQLite right away.

| `[ledger] durability` | a row that was acknowledged survives | what a request waits for |
|---|---|---|
| `commit` (the default) | `kill -9` | two writes to a file: its hold, and its end with the request's row |
| `fsync` | also a loss of power | two syncs of the disk; those who wait at the same time share one |
| `relaxed` | `kill -9`, once it is 100 ms old; holds at once | one write |

What each costs here: `python -m benchmarks.ledger`.

A process that dies leaves its journal behind. Whoever opens the ledger next folds it, each row exactly once, and then
charges what was in flight at its bound; that takes less than two seconds for the longest journal (8 MB). Nobody has to
repair anything. An entry that was torn off half-written was acknowledged to nobody. **Back up or move the file together
with the journals beside it**, or while no assay runs: then there are none.

Of a process on another host, and of a container that came back under another name, nobody here can see if it lives:
what it holds stays held. `assay doctor` names such sessions, and `assay ledger free SESSION` charges and closes one.

A full or read-only disk fails requests with a `LedgerError`; what was acknowledged stays, and with room again all goes
on. Where SQLite cannot keep up (another program holds its lock, say) the journal takes 8 MB; then new requests wait.

"""


def ledger_page() -> str:
    """docs/ledger.md: the schema of the file."""
    schema = files("assay.ledger").joinpath("schema.sql").read_text("utf-8")
    return (
        "# The ledger\n\n"
        + _NOTICE
        + "One SQLite file, yours to read with any tool (`sqlite3 assay.db`). It is in WAL mode, "
        "so reading it never stands in the way of writing. Do not change it while assay runs.\n\n"
        + _DURABILITY
        + "## The tables\n\n"
        f"```sql\n{schema.strip()}\n```\n"
    )


def errors_page() -> str:
    """docs/errors.md: the tree, and what each class means."""
    tree = inspect.cleandoc(errors.__doc__ or "")
    rows = [
        f"| `{kind.__name__}` | {_cell(_first_paragraph(kind))} | {kind.exit_code} "
        f"| {'yes' if getattr(kind, 'retryable', False) else ''} |"
        for kind in error_classes()
    ]
    block = "\n".join(line[4:] for line in tree.splitlines() if line.startswith("    "))
    return (
        "# Errors\n\n"
        + _NOTICE
        + "Every error that assay raises on purpose is of this tree. A message says what failed, "
        f"the value, and what to do.\n\n```text\n{block}\n```\n\n"
        "| class | when | exit code | tried again |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"
    )


def _first_paragraph(kind: type) -> str:
    return (inspect.getdoc(kind) or "").partition("\n\n")[0].replace("\n", " ")


def error_classes() -> list[type[errors.AssayError]]:
    """The classes of `assay.errors`, in the order of their definition."""
    return [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.AssayError)]


def dialects_page() -> str:
    """docs/dialects.md: what each upstream format can be told, and the quirks of its hosts."""
    formats = {name: kind for name in plugins.names("assay.dialects") if hasattr(kind := _format(name), "capabilities")}
    rows = [
        f"| `{feature}` | {meaning} | {' | '.join(_verdict(kind, feature) for kind in formats.values())} |"
        for feature, meaning in FEATURES.items()
    ]
    parts = [
        "# What each upstream can be told\n\n",
        _NOTICE,
        "A feature of a request is kept, **emulated** or **rejected**, and never silently dropped. What is emulated or "
        "left out is told in the header `x-assay-emulated` and in the ledger; a rejection names the field. A host's "
        'quirks correct the table: `quirks.capabilities = { json_schema = "reject" }`, `quirks.ignore = ["seed"]`. '
        "Some rules depend on the model's name; the reasons below say so.\n\n",
        f"Left out for another format, and told: {', '.join(f'`{hint}`' for hint in sorted(HINTS))}.\n\n",
        f"| feature | what it is | {' | '.join(f'`{name}`' for name in formats)} |\n|---|---|{'---|' * len(formats)}\n",
        "\n".join(rows) + "\n",
    ]
    for name, kind in formats.items():
        reasons = [
            f"- `{feature}`, {rule.verdict}: {rule.why}" for feature, rule in kind.capabilities.items() if rule.why
        ]
        text = inspect.cleandoc(sys.modules[kind.__module__].__doc__ or "")
        parts.append(f"\n## {name}\n\n{text}\n\n" + "\n".join(reasons) + "\n")
    return "".join(parts)


def _format(name: str) -> Any:
    return plugins.load("assay.dialects", name)


def _verdict(kind: Any, feature: str) -> str:
    verdict = kind.capabilities[feature].verdict if feature in kind.capabilities else "keep"
    return {"keep": "kept", "emulate": "**emulated**", "reject": "**rejected**"}[verdict]


PAGES: dict[str, Callable[[], str]] = {
    "config.md": config_page,
    "policies.md": policies_page,
    "cli.md": cli_page,
    "ledger.md": ledger_page,
    "errors.md": errors_page,
    "dialects.md": dialects_page,
}


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` compare them; returns the exit code."""
    check = "--check" in arguments
    os.environ["COLUMNS"] = str(_HELP_WIDTH)  # help texts are wrapped alike on every terminal
    stale = []
    for name, page in PAGES.items():
        path, text = FOLDER / name, page()
        if not path.exists() or path.read_text("utf-8") != text:
            stale.append(name)
            if not check:
                path.write_text(text, "utf-8")
    if check and stale:
        sys.stderr.write(f"stale: {', '.join(f'docs/{name}' for name in stale)}; run `python docs/generate.py`\n")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
