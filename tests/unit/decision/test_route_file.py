"""A route is put into a file: nothing else in it changes, or nothing is written."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from assay.config.load import load
from assay.config.schema import Route
from assay.decision import route_file
from assay.decision.route_file import route_text, write_route
from assay.errors import ConfigError

CONFIG = """\
# ours, by hand
[deployments.small]  # the cheap one
model = "x/small"
dialect = "scripted"
script = "small.json"

[deployments.big]
model = "x/big"
dialect = "scripted"
script = "small.json"
"""
ROUTE = Route(candidates=("small", "big"), policy={"kind": "by-kind", "kinds": {"a": "small", "b c": "big"}})
WRITABLE = st.characters(exclude_categories=("Cs",))
OTHER = Route(candidates=("big",), policy={"kind": "by-kind", "kinds": {"a": "big"}})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration of two deployments."""
    (tmp_path / "small.json").write_text('{"rules": [], "default": "yes"}')
    path = tmp_path / "assay.toml"
    path.write_text(CONFIG)
    return path


def put(file: Path, name: str = "desk", route: Route = ROUTE, *, force: bool = False) -> Path:
    """Write a route."""
    return write_route(file, name, route_text(name, route, ["because of a decision"]), force=force)


def test_a_new_file_holds_the_route_alone(tmp_path: Path) -> None:
    """To be pasted or kept: comments with the reasons, then the table."""
    text = put(tmp_path / "route.toml").read_text()
    assert text.startswith("# ---- route 'desk', written by assay\n# because of a decision\n[routes.desk]\n")
    assert 'kind = "by-kind"' in text


def test_behind_a_configuration_every_byte_stays(file: Path) -> None:
    """What was there is the beginning of what is there now, and the route loads."""
    put(file)
    assert file.read_text().startswith(CONFIG)
    assert load(file).config.routes["desk"] == ROUTE
    assert list(file.parent.glob(".assay*")) == []


@pytest.mark.parametrize(
    "old",
    [
        CONFIG.encode().rstrip(b"\n"),
        CONFIG.encode().replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + CONFIG.encode(),
        CONFIG.encode() + "# \u2028 and \x85 in a comment\n".encode(),
        CONFIG.encode() + b'[routes.own]\ncandidates = ["small"]\n',
    ],
    ids=["no line end", "CRLF", "byte order mark", "odd separators", "another route"],
)
def test_every_kind_of_file_keeps_its_bytes(file: Path, old: bytes) -> None:
    """Also twice: the second time in the place of the first, whatever stands behind it."""
    file.write_bytes(old)
    put(file)
    first = file.read_bytes()
    assert first.startswith(old)
    assert first.count(b"\r\n") in (0, first.count(b"\n"))
    file.write_bytes(first + b"# behind\n")
    put(file, route=OTHER, force=True)
    assert file.read_bytes().startswith(old)
    assert file.read_bytes().endswith(b"# behind\n")
    assert load(file).config.routes["desk"] == OTHER


def test_a_route_that_is_there_is_not_replaced_unasked(file: Path) -> None:
    """The file stays as it is, and the error says how to replace it or to call it otherwise."""
    put(file)
    before = file.read_bytes()
    with pytest.raises(ConfigError, match="has a route 'desk' already; --force replaces it, --route gives"):
        put(file, route=OTHER)
    assert file.read_bytes() == before


def test_what_a_person_wrote_is_never_replaced(file: Path) -> None:
    """Not by force either: assay replaces what it has written itself."""
    file.write_text(CONFIG + '[routes.desk]\ncandidates = ["small"]\n')
    before = file.read_bytes()
    with pytest.raises(ConfigError, match="was not written by assay; take it out by hand"):
        put(file, force=True)
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[deployments.small\n", "not valid TOML"),
        ("[deployments.small]\nmodel = 3\n", "deployments.small.model"),
        ('name = "world"\n[kinds.a]\n', "is no assay.toml"),
        (CONFIG + 'routes = "no table"\n', "routes"),
        (CONFIG.replace("# ours", 'routes = { own = { candidates = ["small"] } }\n# ours'), "not valid TOML"),
        (CONFIG.replace("deployments.big", "deployments.bigger"), "unknown 'big'"),
    ],
    ids=["no TOML", "no configuration", "another file", "no table", "an inline table", "an unknown candidate"],
)
def test_a_file_that_cannot_take_it_is_left_alone(file: Path, text: str, said: str) -> None:
    """Each with its reason; not a byte of it has changed."""
    file.write_text(text)
    with pytest.raises(ConfigError, match=said):
        put(file)
    assert file.read_text() == text


def test_marks_inside_a_text_of_the_file_are_no_marks(file: Path) -> None:
    """A long text that quotes our marks: replacing between them would change it, so nothing is written."""
    put(file)
    mark = file.read_text().split("\n# ---- route")[1].split("\n")[0]
    quoted = f'[deployments.small.settings]\nsystem = """\n# ---- route{mark}\n# ---- end of route \'desk\'\n"""\n'
    text = CONFIG + quoted + '\n[routes.desk]\ncandidates = ["small"]\n'
    file.write_text(text)
    with pytest.raises(ConfigError, match="by hand"):
        put(file, force=True)
    assert file.read_text() == text


def test_the_pinned_route_keeps_its_name(file: Path) -> None:
    """`assay.lock` serves a route of the suite's name; another one of that name would stop the server."""
    (file.parent / "assay.lock").write_text(
        'version = 1\nroute = "desk"\nsuite = "desk"\nsuite_digest = ""\nconfig_digest = ""\ndecision = "0"\n'
        'pinned_at = "2026-11-27"\nseed = 0\nkinds = {}\n'
    )
    with pytest.raises(ConfigError, match=r"assay.lock pins a route 'desk' already; give this one another name"):
        put(file)
    assert file.read_text() == CONFIG
    put(file, "desk-chosen")


def test_a_link_leads_to_the_file_and_rights_stay(file: Path) -> None:
    """The file itself is replaced, not the link to it, and with the rights that it had."""
    file.chmod(0o640)
    link = file.parent / "link.toml"
    link.symlink_to(file)
    assert put(link) == file
    assert link.is_symlink()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_closed_is_said(file: Path) -> None:
    """Nothing is written, and the reason is the system's."""
    file.parent.chmod(0o500)
    try:
        with pytest.raises(ConfigError, match=r"cannot write the route 'desk' into .*: Permission denied"):
            put(file)
    finally:
        file.parent.chmod(0o700)


def test_a_place_without_folder_is_said(tmp_path: Path) -> None:
    """No folder is made up."""
    with pytest.raises(ConfigError, match=r"cannot write the route 'desk' into .*: No such file"):
        put(tmp_path / "no" / "route.toml")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(WRITABLE, min_size=1, max_size=12), reason=st.text(WRITABLE, max_size=40))
def test_any_name_and_any_reason_can_be_written(file: Path, name: str, reason: str) -> None:
    """Line breaks, quotes and control characters stay inside names and comments; a second write finds the first."""
    assume(name not in ("small", "big"))
    file.write_text(CONFIG)
    for route in (ROUTE, OTHER):
        write_route(file, name, route_text(name, route, [reason]), force=True)
        assert load(file).config.routes[name] == route
        assert file.read_text().startswith(CONFIG)


@pytest.mark.parametrize("there", [True, False], ids=["a file", "a new file"])
def test_what_somebody_writes_meanwhile_stays(file: Path, monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    """An editor that saves between the reading and the exchange wins: an error, and its text is there."""
    place = file if there else file.with_name("route.toml")
    monkeypatch.setattr(route_file, "_check_lock", lambda *_: place.write_text("# saved meanwhile\n"))
    with pytest.raises(ConfigError, match=r"changed meanwhile.*again"):
        put(place)
    assert place.read_text() == "# saved meanwhile\n"
    assert {one.name for one in file.parent.iterdir()} == {"small.json", "assay.toml", place.name}
