"""`assay check` on the command line: what it saves, what CI reads of it, and what the history keeps."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Tree

import pytest

from assay.providers.scripted import ScriptedProvider

Project = Any  # of this folder's conftest


@pytest.fixture
def pinned(project: Project) -> Project:
    """A project with 40 samples of a kind, on all of which it was decided, and a lock."""
    suite = project.folder / "suite"
    lines = [{"id": f"w{n}", "input": f"words {n}.", "target": "yes"} for n in range(40)]
    (suite / "words.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert project.inside("choose", "--error", "0", "--bar", "1").code == 0
    assert project.inside("pin").code == 0
    return project


def history(project: Project) -> list[tuple[str | None]]:
    """The verdicts of the kept locks."""
    with closing(sqlite3.connect(project.folder / "assay.db")) as connection:
        return connection.execute("select verdict from locks").fetchall()


def spoil(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words are answered otherwise from now on, and nothing that a digest sees has changed: as a host would do it."""
    choose = ScriptedProvider._choose

    def changed(self: ScriptedProvider, asked: str) -> Any:
        rule, answer = choose(self, asked)
        return rule, "no" if asked.startswith("words") else answer

    monkeypatch.setattr(ScriptedProvider, "_choose", changed)


def test_what_holds_is_told_with_what_was_saved(pinned: Project) -> None:
    """Exit 0; fewer samples than are pinned, the guarantee and whom it speaks of; the history has the verdict."""
    ended = pinned.inside("check")
    assert ended.code == 0, ended.err
    assert "of 50 pinned samples (" in ended.out
    assert "Guarantee: each verdict" in ended.out
    assert "Population: the 50 pinned samples of 2 kinds" in ended.out
    assert ended.out.rstrip().endswith("every pin holds")
    assert history(pinned) == [("holds",)]
    told = pinned.inside("check", "--json").json
    assert told["asked"] < told["total"] == 50


def test_what_regressed_is_told_and_kept(pinned: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 1; JUnit and GitHub say it, and the history keeps it, so that no rollback comes back to it."""
    spoil(monkeypatch)
    xml = pinned.folder / "pins.xml"
    ended = pinned.inside("check", "--junit", str(xml), "--github")
    assert ended.code == 1
    assert "words (good): regressed" in ended.out
    assert "::error file=" in ended.out
    failures = [case.get("name") for case in Tree.parse(xml).iter("testcase") if case.find("failure") is not None]  # noqa: S314 - our own
    assert failures == ["words"]
    assert ("regressed",) in history(pinned)


def test_github_is_told_where_it_asks(pinned: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Within Actions annotations and summary come by themselves; beside JSON on stderr; the summary is added to."""
    (pinned.folder / "system.txt").write_text("Something else.")
    place = tmp_path / "summary.md"
    place.write_text("before\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(pinned.folder.parent))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(place))
    ended = pinned.inside("check", "--json")
    assert ended.code == 1
    assert [one["verdict"] for one in ended.json["kinds"]] == ["changed", "changed"]
    assert f"::error file={pinned.folder.name}/assay.lock,line=" in ended.err
    text = place.read_text()
    assert text.startswith("before\n### assay check, route desk: a pin does not hold")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "nowhere" / "summary.md"))
    again = pinned.inside("check", "--digests-only")
    assert again.code == 1
    assert "cannot write the job's summary" in again.err
    assert "::error" not in pinned.inside("check", "--digests-only", "--no-github").out


def test_a_part_is_not_the_whole(pinned: Project) -> None:
    """`-k` and `--digests-only` prove no lock; what they find broken is true of the whole."""
    assert pinned.inside("check", "-k", "names").code == 0
    assert pinned.inside("check", "--digests-only").code == 0
    assert history(pinned) == [(None,)]
    (pinned.folder / "system.txt").write_text("Something else.")
    assert pinned.inside("check", "-k", "names").code == 1
    assert history(pinned) == [("changed",)]


def test_an_unknown_kind_is_told(pinned: Project) -> None:
    """Exit 2, with the nearest one."""
    ended = pinned.inside("check", "-k", "word")
    assert ended.code == 2
    assert "'words'" in ended.err


def test_a_file_that_cannot_be_written_is_told(pinned: Project) -> None:
    """Exit 3 with the file; the verdict was kept and told before."""
    name = f"{'long' * 80}.xml"
    ended = pinned.inside("check", "--junit", name)
    assert ended.code == 3
    assert f"cannot write {name}" in ended.err
    assert "every pin holds" in ended.out
    assert history(pinned) == [("holds",)]


def test_a_folder_that_is_not_there_is_told_before_anything_is_asked(pinned: Project) -> None:
    """A whole check, billed, whose result could not be written would have to be made again."""
    ended = pinned.inside("check", "--junit", "nowhere/pins.xml")
    assert ended.code == 2
    assert "--junit nowhere/pins.xml" in ended.err
    assert history(pinned) == [(None,)]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_check_that_was_ended_goes_on(pinned: Project, how: signal.Signals) -> None:
    """Ctrl-C or kill -9 in the middle: the same command asks what is missing, and loses only what was in flight."""
    with (pinned.folder / "assay.toml").open("a") as file:
        file.write('[deployments.slow]\nmodel = "x/slow"\ndialect = "scripted"\nscript = "slow.json"\n'
                   "price_usd_per_mtok = { input = 2.0, output = 2.0 }\n")  # fmt: skip
    pinned.script("slow", {"match": ".", "answer": "yes", "delay_s": 0.05})
    assert pinned.inside("choose", "-m", "slow", "-k", "words", "--error", "0", "--bar", "1").code == 0
    assert pinned.inside("pin").code == 0
    process = pinned.begin("check", "--full", "--concurrency", "1")
    database = pinned.folder / "assay.db"
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        count = "select count(*) from results join runs on runs.id = run_id where target_digest like 'check:%'"
        while connection.execute(count).fetchone()[0] < 10:
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)  # looking all the time would take the processor that it needs
        process.send_signal(how)
        process.communicate(timeout=20)
        assert pinned.inside("check", "--full", "--concurrency", "4").code == 0
        runs = connection.execute(f"select count(distinct run_id), {count[7:]}").fetchone()
    assert runs == (1, 40)


def test_check_has_its_options_in_help(project: Project) -> None:
    """`--help` names what CI needs."""
    text = project.inside("check", "--help").out
    assert all(word in text for word in ("--junit", "--github", "--full", "--error", "--digests-only"))
