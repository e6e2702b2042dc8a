"""A canary: a route of the name that clients call, in steps, with the way back to the very bytes that were there."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from assay.config.load import load
from assay.decision.migration import canary_file
from assay.decision.migration.canary import canary_of
from assay.decision.migration.canary_file import go_back, write_canary
from assay.decision.migration.route_text import exchanged
from assay.errors import ConfigError
from assay.inference.build import make_route

DEPLOYMENTS = """\
# Ours.
[deployments.old]
model = "x/old"
dialect = "scripted"
script = "s.json"

[deployments.new]   # the successor
model = "x/new"
dialect = "scripted"
script = "s.json"

[deployments.other]
model = "x/other"
dialect = "scripted"
script = "s.json"
"""
PLAIN = f"""{DEPLOYMENTS}
# what clients call
[routes.desk]
candidates = ["old"]
label = "public"
policy = {{ kind = "fallback" }}

# -------- the gateway
[serve]
port = 0
"""
BY_KIND = f"""{DEPLOYMENTS}
[routes.desk]
candidates = ["old", "other"]
[routes.desk.policy]
kind = "by-kind"
[routes.desk.policy.kinds]
old = "other"      # a kind that is called like a deployment
sql = "old"
"""


def written(folder: Path, text: str) -> Path:
    """An assay.toml."""
    (folder / "s.json").write_text('{"default": "yes"}')
    file = folder / "assay.toml"
    file.write_bytes(text.encode())
    return file


@pytest.mark.parametrize(
    "text", [PLAIN, BY_KIND, PLAIN.replace("\n", "\r\n"), f"\ufeff{PLAIN}"], ids=["plain", "by-kind", "windows", "mark"]
)
def test_stages_and_back_leave_every_byte(tmp_path: Path, text: str) -> None:
    """Three stages, then back: the file is what it was, and every stage loads."""
    file = written(tmp_path, text)
    begun = write_canary(file, file, "old", "new", 0.05)
    for share in (0.25, 1.0):
        stage = write_canary(file, file, "old", "new", share)
        assert stage.canary == begun.canary._replace(share=share)
        assert canary_of(load(file).config, "desk") == stage.canary
    assert begun.copy.read_bytes() == text.encode()
    assert go_back(file).canary.route == "desk"
    assert file.read_bytes() == text.encode()


def test_of_two_canaries_the_one_that_is_named_goes_back(tmp_path: Path) -> None:
    """Which one is meant is asked; the other one, that began before or after, stays as it is."""
    more = '[routes.till]\ncandidates = ["old"]\npolicy = { kind = "fallback" }\n'
    file = written(tmp_path, f"{PLAIN}\n{more}")
    for route in ("desk", "till"):
        write_canary(file, file, "old", "new", 0.05, route)
    with pytest.raises(ConfigError, match=r"several canaries.*desk, till"):
        go_back(file)
    assert go_back(file, "desk").canary.route == "desk"
    routes = load(file).config.routes
    assert (routes["desk"].candidates, routes["till"].candidates) == (("old",), ("old", "new"))
    assert go_back(file).canary.route == "till"
    assert load(file).config.routes["till"].candidates == ("old",)


def test_what_is_written_has_the_form_of_the_file(tmp_path: Path) -> None:
    """The mark at its beginning stays, and where all lines end as on Windows, new ones do."""
    file = written(tmp_path, "\ufeff" + PLAIN.replace("\n", "\r\n"))
    write_canary(file, file, "old", "new", 0.05)
    said = file.read_bytes()
    assert said.startswith(b"\xef\xbb\xbf# Ours.\r\n")
    assert said.count(b"\n") == said.count(b"\r\n")


def test_the_rest_of_the_file_stays_as_it_is(tmp_path: Path) -> None:
    """Comments and other tables keep their bytes and their order; the route keeps its label."""
    file = written(tmp_path, PLAIN)
    write_canary(file, file, "old", "new", 0.05)
    text = file.read_text()
    assert text.startswith(DEPLOYMENTS)
    assert text.endswith("\n# -------- the gateway\n[serve]\nport = 0\n")
    route = load(file).config.routes["desk"]
    assert (route.label, route.candidates) == ("public", ("old", "new"))
    assert route.policy["weights"] == {"old": 0.95, "new": 0.05}
    assert route.policy["on_failure"] == "next"
    make_route("desk", route)


def test_a_route_that_is_more_than_the_old_one_is_split_whole(tmp_path: Path) -> None:
    """A route by kinds: before as it was, after with the new one in the old one's place, kinds by their own names."""
    file = written(tmp_path, BY_KIND)
    found = write_canary(file, file, "old", "new", 0.1)
    routes = load(file).config.routes
    assert (found.canary.old, found.canary.new) == ("desk-before", "desk-after")
    assert routes["desk-before"].policy["kinds"] == {"old": "other", "sql": "old"}
    assert routes["desk-after"].policy["kinds"] == {"old": "other", "sql": "new"}
    assert routes["desk-after"].candidates == ("new", "other")
    for name, route in routes.items():
        make_route(name, route)


def test_a_route_can_itself_be_what_is_left(tmp_path: Path) -> None:
    """OLD is the route that clients call: what it was goes on under another name, beside the new one."""
    file = written(tmp_path, BY_KIND)
    found = write_canary(file, file, "desk", "new", 0.05)
    assert (found.canary.route, found.canary.old, found.canary.new) == ("desk", "desk-before", "new")
    assert write_canary(file, file, "desk", "new", 0.25).canary.share == 0.25
    go_back(file)
    assert file.read_bytes() == BY_KIND.encode()


def test_what_was_changed_meanwhile_is_not_lost_on_the_way_back(tmp_path: Path) -> None:
    """A key added after the canary began stays; only the route goes back."""
    file = written(tmp_path, PLAIN)
    write_canary(file, file, "old", "new", 0.05)
    file.write_text(file.read_text().replace("port = 0", "port = 8123  # ours"))
    go_back(file)
    assert "port = 8123  # ours" in file.read_text()
    said = tomllib.loads(file.read_text())
    assert said["routes"] == tomllib.loads(PLAIN)["routes"]


def test_a_new_file_is_a_copy_with_a_way_back(tmp_path: Path) -> None:
    """The configuration in use is untouched; back leaves a copy of it."""
    base = written(tmp_path, PLAIN)
    write_canary(tmp_path / "canary.toml", base, "old", "new", 0.05)
    assert base.read_bytes() == PLAIN.encode()
    assert "split" in (tmp_path / "canary.toml").read_text()
    go_back(tmp_path / "canary.toml")
    assert (tmp_path / "canary.toml").read_bytes() == PLAIN.encode()


def test_a_session_that_moved_stays_moved(tmp_path: Path) -> None:
    """A later stage keeps the deal: who met the new one at 5 % meets it at 25 %."""
    from assay.routing.protocol import Send, Snapshot, State
    from assay.types import Request

    file = written(tmp_path, PLAIN)

    def dealt(share: float) -> set[str]:
        write_canary(file, file, "old", "new", share)
        policy = make_route("desk", load(file).config.routes["desk"]).policy
        met = set()
        for number in range(400):
            request = Request(model="desk", session=f"s{number}")
            state = State(
                request=request, candidates=("old", "new"), attempts=(), deadline=None,
                snapshot=Snapshot(now=0.0, seed=1),
            )  # fmt: skip
            step = policy.decide(state)
            assert isinstance(step, Send)
            met |= {f"s{number}"} if step.calls[0].target == "new" else set()
        return met

    few, more, every = dealt(0.05), dealt(0.25), dealt(1.0)
    assert 5 <= len(few) < len(more) < len(every) == 400
    assert few <= more


@pytest.mark.parametrize(
    ("text", "old", "options", "says"),
    [
        (DEPLOYMENTS, "old", {}, "candidate of no route"),
        (PLAIN, "gone", {}, "no deployment or route 'gone'"),
        (PLAIN, "old", {"route": "other"}, "name of a deployment"),
        (PLAIN.replace('["old"]', '["other"]'), "old", {"route": "desk"}, "no candidate of the route"),
        (DEPLOYMENTS + "[routes]\ndesk = { candidates = ['old'], policy = { kind = 'fallback' } }\n", "old", {},
         "cannot be exchanged"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_refused_and_changes_nothing(
    tmp_path: Path, text: str, old: str, options: dict[str, str], says: str
) -> None:
    """Each mistake is named, and the file is as it was."""
    file = written(tmp_path, text)
    with pytest.raises(ConfigError, match=says):
        write_canary(file, file, old, "new", 0.05, **options)
    assert file.read_bytes() == text.encode()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["assay.toml", "s.json"]


def test_the_copy_is_as_secret_as_the_file(tmp_path: Path) -> None:
    """A configuration that only its owner may read is not readable to others beside it."""
    file = written(tmp_path, PLAIN)
    file.chmod(0o600)
    found = write_canary(file, file, "old", "new", 0.05)
    assert {path.stat().st_mode & 0o777 for path in (file, found.copy)} == {0o600}


def test_another_move_does_not_take_the_canary_over(tmp_path: Path) -> None:
    """While one canary stands, another move of the same route is refused."""
    file = written(tmp_path, PLAIN)
    write_canary(file, file, "old", "new", 0.05)
    with pytest.raises(ConfigError, match="another move"):
        write_canary(file, file, "old", "other", 0.05, route="desk")


def test_without_a_canary_or_its_copy_there_is_no_way_back(tmp_path: Path) -> None:
    """Both are said, with what to do."""
    file = written(tmp_path, PLAIN)
    with pytest.raises(ConfigError, match="no canary"):
        go_back(file)
    write_canary(file, file, "old", "new", 0.05).copy.unlink()
    with pytest.raises(ConfigError, match="put old in its place by hand"):
        go_back(file)


@pytest.mark.parametrize(
    "policy", [{"kind": "fallback"}, {"kind": "split", "weights": {"a": 1, "b": 1}, "version": "2"}]
)
def test_other_routes_are_no_canaries(tmp_path: Path, policy: dict[str, object]) -> None:
    """A split that somebody wrote has no beginning to count from."""
    config = load(written(tmp_path, PLAIN)).config
    config.routes["desk"] = type(config.routes["desk"])(candidates=("old",), policy=policy)
    with pytest.raises(ConfigError, match="is no canary"):
        canary_of(config, "desk")


def test_a_text_that_only_looks_like_a_header_is_not_taken_for_one() -> None:
    """What would change anything but the route is refused: the text of a prompt, say."""
    text = '[deployments.a]\nsystem = """\n[routes.desk]\nkeep = 1\n"""\n\n[routes.desk]\nkeep = 2\n'
    with pytest.raises(ConfigError, match="cannot be exchanged"):
        exchanged(text, {"desk": {"keep": 3}})


def test_what_somebody_writes_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An editor that saves between the reading and the exchange wins: an error, and no copy of a beginning."""
    file = written(tmp_path, PLAIN)
    monkeypatch.setattr(canary_file, "_check_lock", lambda *_: file.write_text(f"{PLAIN}# saved meanwhile\n"))
    with pytest.raises(ConfigError, match=r"changed meanwhile.*again"):
        write_canary(file, file, "old", "new", 0.05)
    assert file.read_text() == f"{PLAIN}# saved meanwhile\n"
    assert {one.name for one in tmp_path.iterdir()} == {"s.json", "assay.toml"}
