"""The weights store: a folder per pulled file, each with a manifest. No manifest, no use.

    STORE/qwen2.5-coder-0.5b-instruct-q4_k_m-1d9614638d18/
        qwen2.5-coder-0.5b-instruct-q4_k_m.gguf
        manifest.json                  written last: what makes the file usable
    STORE/.partial/…                   files on their way, never looked at by those who load weights
    STORE/.locks/…                     one process at a time per file

`$ASSAY_WEIGHTS` names another folder than the user's data folder.
"""

from __future__ import annotations

import errno
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
import platformdirs

from assay.errors import PullError, WeightsError
from assay.types import Value
from assay.weights.exclusive import claim
from assay.weights.partial import Partial, sync_folder, write_durably
from assay.weights.wanted import Wanted

MANIFEST = "manifest.json"
VARIABLE = "ASSAY_WEIGHTS"

_MAX_MANIFEST_BYTES = 64 * 1024


class Manifest(Value, frozen=True, kw_only=True):
    """What is known of a pulled file.

    Attributes:
        model: id in the catalogue.
        file: its name in the folder.
        sha256, size_bytes: of the file; `verified` says whether it had them when it was last read, `verified_at` when.
        source: where it came from.
        licence: id; `licence_accepted` is true where a person had to accept it, and did.
    """

    model: str
    file: str
    sha256: str
    size_bytes: int
    source: str
    licence: str
    pulled_at: str
    verified_at: str
    verified: bool
    licence_accepted: bool = False
    quantisation: str | None = None


class Held(NamedTuple):
    """A folder of the store.

    Attributes:
        problem: why its file must not be used; `None` if it may be.
    """

    folder: Path
    manifest: Manifest | None
    problem: str | None

    @property
    def path(self) -> Path:
        """The file; the folder where no manifest names one."""
        return self.folder / self.manifest.file if self.manifest is not None else self.folder

    @property
    def name(self) -> str:
        """What a person calls it."""
        return self.manifest.model if self.manifest is not None else self.folder.name


class Store:
    """The files of weights that were pulled.

    Args:
        folder: where they are; default: `$ASSAY_WEIGHTS`, else `weights` in the user's data folder of assay.
    """

    def __init__(self, folder: Path | None = None) -> None:
        named = os.environ.get(VARIABLE)
        default = Path(os.path.expanduser(named)) if named else Path(platformdirs.user_data_dir("assay")) / "weights"
        self.folder = (folder or default).absolute()

    def held(self) -> tuple[Held, ...]:
        """Everything in it, usable or not, sorted by name.

        Raises:
            WeightsError: the folder cannot be read.
        """
        try:
            found = sorted(path for path in self.folder.iterdir() if path.name[0] != "." and path.is_dir())
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise WeightsError(
                f"weights store {self.folder}: {error.strerror or error}; name a folder in ${VARIABLE}"
            ) from error
        return tuple(_look(folder) for folder in found)

    def find(self, *, sha256: str | None, model: str) -> Held | None:
        """The usable file with this digest; without a digest, the model's first one. `None` if there is none.

        Raises:
            WeightsError: the folder cannot be read.
        """
        for one in self.held():
            if one.manifest is None or one.problem is not None:
                continue
            if one.manifest.sha256 == sha256 if sha256 is not None else one.manifest.model == model:
                return one
        return None

    def lock_path(self, key: str) -> Path:
        """The lock of whoever changes this folder."""
        return self.folder / ".locks" / key

    def partial(self, wanted: Wanted) -> Partial:
        """The file on its way."""
        return Partial(self.folder / ".partial" / wanted.key, wanted.model, wanted.size_bytes)

    def partials(self) -> tuple[Partial, ...]:
        """All files on their way, or given up."""
        folder = self.folder / ".partial"
        return tuple(Partial(path) for path in sorted(folder.iterdir())) if folder.is_dir() else ()

    def place(self, wanted: Wanted, partial: Partial, *, source: str, accepted: bool) -> Held:
        """Make a whole and verified file usable: it is moved into place, then its manifest is written.

        Raises:
            OSError: the disk refused; without a manifest nothing is usable.
        """
        folder = self.folder / wanted.key
        folder.mkdir(exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
        with partial.path.open("rb") as file:
            os.fsync(file.fileno())
        size = partial.size_bytes
        partial.path.replace(folder / wanted.file_name)
        sync_folder(self.folder)
        now = _now()
        manifest = Manifest(
            model=wanted.model,
            file=wanted.file_name,
            sha256=wanted.sha256,
            size_bytes=size,
            quantisation=wanted.quantisation,
            source=source,
            licence=wanted.licence.id,
            licence_accepted=accepted and not wanted.licence.is_open,
            pulled_at=now,
            verified_at=now,
            verified=True,
        )
        write_durably(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
        partial.drop()
        return _look(folder)

    def mark(self, held: Held, *, verified: bool) -> Held:
        """Note what a new reading of the file came to; a file whose digest was wrong is not used any more.

        Nothing is noted of a file that was pulled anew meanwhile, or is being pulled: another one was read.

        Raises:
            OSError: the note cannot be written.
        """
        if held.manifest is None or (lock := claim(self.lock_path(held.folder.name))) is None:
            return held
        with lock:
            if _look(held.folder).manifest == held.manifest:
                manifest = msgspec.structs.replace(held.manifest, verified=verified, verified_at=_now())
                write_durably(held.folder / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
        return _look(held.folder)

    def remove(self, key: str) -> int:
        """Delete a file and what is on its way of it, the manifest first. Returns how many bytes that frees.

        Raises:
            WeightsError: another process is pulling it.
            OSError: the disk refused.
        """
        lock = claim(self.lock_path(key))
        if lock is None:
            raise WeightsError(f"{key} is being pulled by another process; end that first")
        with lock:
            folders = [path for path in (self.folder / key, self.folder / ".partial" / key) if path.is_dir()]
            freed = sum(file.stat().st_size for folder in folders for file in folder.rglob("*") if file.is_file())
            (self.folder / key / MANIFEST).unlink(missing_ok=True)
            for folder in folders:
                shutil.rmtree(folder)
        return freed

    def fault(self, error: OSError) -> PullError:
        """What an error of the store's disk means to a person."""
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return PullError(
                f"the disk of {self.folder} is full; what is here stays: free some room and the same command goes on"
            )
        return PullError(
            f"weights store {error.filename or self.folder}: {error.strerror or error}; "
            f"make it writable, or name another folder in ${VARIABLE}"
        )


def _look(folder: Path) -> Held:
    """What a folder holds, and why its file must not be used, if so. Costs two looks at the disk, no reading."""
    try:
        with (folder / MANIFEST).open("rb") as file:
            manifest = msgspec.json.decode(file.read(_MAX_MANIFEST_BYTES), type=Manifest)
    except FileNotFoundError:
        return Held(folder, None, "it has no manifest: whatever it is, it was not verified")
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        return Held(folder, None, f"its manifest cannot be read: {error}")
    return Held(folder, manifest, _problem(folder, manifest))


def _problem(folder: Path, manifest: Manifest) -> str | None:
    if not manifest.verified:
        return f"its digest was wrong on {manifest.verified_at[:10]}"
    if Path(manifest.file).name != manifest.file:
        return f"its manifest names {manifest.file!r}, which is no file name"
    try:
        size = (folder / manifest.file).stat().st_size
    except OSError as error:
        return f"{manifest.file}: {error.strerror or error}"
    return None if size == manifest.size_bytes else f"it has {size} bytes, not the {manifest.size_bytes} it had"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
