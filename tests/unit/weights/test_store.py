"""The weights store: what may be used, and what may not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from pulling import CONTENT, SHA256, wanted

from assay.errors import WeightsError
from assay.weights.exclusive import claim
from assay.weights.partial import Partial
from assay.weights.store import MANIFEST, Held, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with the small file in it."""
    made = Store(tmp_path / "store")
    partial = made.partial(wanted())
    partial.start("path x")
    partial.path.write_bytes(CONTENT)
    made.place(wanted(), partial, source="path x", accepted=False)
    return made


def found(store: Store) -> Held | None:
    """What a lookup of the small file gives."""
    return store.find(sha256=SHA256, model="maker/tiny")


def test_the_folder_is_the_users_unless_the_variable_names_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ASSAY_WEIGHTS wins over the user's data folder, and an empty one counts as none."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("ASSAY_WEIGHTS", raising=False)
    assert Store().folder == tmp_path / "data" / "assay" / "weights"
    monkeypatch.setenv("ASSAY_WEIGHTS", "")
    assert Store().folder == tmp_path / "data" / "assay" / "weights"
    monkeypatch.setenv("ASSAY_WEIGHTS", str(tmp_path / "other"))
    assert Store().folder == tmp_path / "other"


def test_a_placed_file_is_found_by_digest_and_by_model(store: Store) -> None:
    """The digest decides where it is known; another one is not satisfied with this file."""
    held = found(store)
    assert held is not None
    assert held.path.read_bytes() == CONTENT
    assert held.path.name == "tiny-q4_0.gguf"
    assert store.find(sha256=None, model="maker/tiny") == held
    assert store.find(sha256="0" * 64, model="maker/tiny") is None
    assert store.find(sha256=None, model="maker/other") is None


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda folder: (folder / MANIFEST).unlink(), "no manifest"),
        (lambda folder: (folder / MANIFEST).write_bytes(b'{"model": "x"'), "cannot be read"),
        (lambda folder: (folder / MANIFEST).write_bytes(b"{}"), "cannot be read"),
        (lambda folder: (folder / "tiny-q4_0.gguf").unlink(), "No such file"),
        (lambda folder: (folder / "tiny-q4_0.gguf").write_bytes(CONTENT[:-1]), "it has 307199 bytes, not the 307200"),
    ],
)
def test_what_is_not_whole_is_not_used(store: Store, damage: object, problem: str) -> None:
    """No manifest, half of one, no file, another size: not found, and listed with the reason."""
    damage(store.held()[0].folder)  # type: ignore[operator]
    assert found(store) is None
    (held,) = store.held()
    assert held.problem is not None
    assert problem in held.problem


def test_a_manifest_that_points_elsewhere_is_not_followed(store: Store) -> None:
    """A path instead of a name would lead out of the folder."""
    path = store.held()[0].folder / MANIFEST
    path.write_bytes(path.read_bytes().replace(b"tiny-q4_0.gguf", b"../../secret.gguf"))
    assert found(store) is None
    assert "no file name" in (store.held()[0].problem or "")


def test_a_file_marked_as_wrong_is_not_used_until_it_is_right_again(store: Store) -> None:
    """What a later reading found is kept in the manifest."""
    held = found(store)
    assert held is not None
    wrong = store.mark(held, verified=False)
    assert "its digest was wrong" in (wrong.problem or "")
    assert found(store) is None
    store.mark(wrong, verified=True)
    assert found(store) is not None


def test_a_file_that_was_pulled_anew_is_not_marked(store: Store) -> None:
    """What a reading of the file before found says nothing of the one that is there now, or is about to be."""
    before = found(store)
    assert before is not None
    assert before.manifest is not None
    lock = claim(store.lock_path(wanted().key))
    assert lock is not None
    with lock:
        assert store.mark(before, verified=False).problem is None
    anew = msgspec.structs.replace(before.manifest, source="another place")
    (before.folder / MANIFEST).write_bytes(msgspec.json.encode(anew))
    assert store.mark(before, verified=False).problem is None


def test_partial_files_are_listed_apart_and_never_found(store: Store) -> None:
    """A file on its way is no file of the store, even if it is whole."""
    other = msgspec.structs.replace(wanted(), sha256="1" * 64)
    partial = store.partial(other)
    partial.start("path x")
    partial.path.write_bytes(CONTENT)
    assert [one.folder.name for one in store.held()] == [wanted().key]
    assert [one.state.model for one in store.partials()] == ["maker/tiny"]
    assert store.find(sha256="1" * 64, model="maker/tiny") is None


def test_removing_deletes_the_file_and_what_is_on_its_way(store: Store) -> None:
    """And says how many bytes that frees."""
    store.partial(wanted()).start("path x")
    assert store.remove(wanted().key) > len(CONTENT)
    assert (store.held(), store.partials()) == ((), ())


def test_a_file_that_is_being_pulled_is_not_removed(store: Store) -> None:
    """The lock of the pull is respected."""
    lock = claim(store.lock_path(wanted().key))
    assert lock is not None
    with lock, pytest.raises(WeightsError, match="is being pulled by another process"):
        store.remove(wanted().key)
    assert found(store) is not None


@pytest.mark.parametrize("note", [b"", b"{", b'{"pieces": 3}', b"\xff\xfe"])
def test_a_damaged_note_of_a_partial_file_means_nothing_is_known(tmp_path: Path, note: bytes) -> None:
    """Its bytes are not continued by anybody."""
    partial = Partial(tmp_path, "maker/tiny")
    partial.start("packages a==1")
    partial.path.write_bytes(b"12345")
    partial.keep()
    (tmp_path / "state.json").write_bytes(note)
    assert Partial(tmp_path).resume("packages a==1") == 0


def test_the_tool_of_a_killed_process_may_write_while_its_room_is_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A room that is there again right after it was swept is no failure; its folder is a fresh one."""
    late = tmp_path / "scratch" / "late" / "wheels"
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: late.mkdir(parents=True, exist_ok=True))
    with Partial(tmp_path).scratch() as folder:
        assert folder.parent == tmp_path / "scratch"
        assert not list(folder.iterdir())


def test_the_names_of_folders_are_safe(store: Store) -> None:
    """Whatever a team's catalogue calls a quantisation, the folder is one folder in the store."""
    odd = msgspec.structs.replace(wanted(), quantisation="../Q 4/0")
    assert odd.key == f"tiny-..-q-4-0-{SHA256[:12]}"
    assert Path(odd.file_name).name == odd.file_name
    assert msgspec.structs.replace(wanted(), model="maker/..").stem[0] not in ".-"


def test_a_folder_that_is_none_is_told_with_what_to_do(tmp_path: Path) -> None:
    """A file where the store should be: its name, and the variable that names another."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(WeightsError, match=r"file: Not a directory; name a folder in \$ASSAY_WEIGHTS"):
        Store(tmp_path / "file").held()


def test_looking_up_what_is_here_needs_no_event_loop() -> None:
    """`asyncio` costs as much as the rest of a command that only looks; it is for who waits for a lock."""
    code = "import sys, assay.catalog.located; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "assay.weights.store" in done.stdout.split()
    assert "asyncio" not in done.stdout.split()
