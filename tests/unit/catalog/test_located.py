"""From a model of the catalogue to a file: what may be pulled, and what a deployment runs on."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from assay.catalog.load import Catalog, builtin, read
from assay.catalog.located import find_weights, wanted, weights_of
from assay.config.schema import Deployment
from assay.errors import CatalogError, WeightsError
from assay.weights.store import Store

FILE = b"weights"
DIGEST = hashlib.sha256(FILE).hexdigest()
TOML = f"""
as_of = "2026-11-26"
[sources.test]
title = "written for a test"
verified = false
[[models]]
id = "maker/two"
name = "Two"
maker = "Maker"
ecosystem = "open-weight"
licence = "strange-1.0"
evidence = "test"
[[models.weights]]
hub = {{ repo = "maker/two-gguf", file = "two.gguf", evidence = "test" }}
sha256 = "{"0" * 64}"
quantisation = "Q4_0"
evidence = "test"
[[models.weights]]
source = "package:weights_of_test/two.gguf"
package = "weights-of-test==1.0"
sha256 = "{DIGEST}"
bytes = {len(FILE)}
quantisation = "Q8_0"
evidence = "test"
"""


@pytest.fixture
def catalog() -> Catalog:
    """One model with two files of weights."""
    return Catalog([("two.toml", read(TOML.encode(), "two.toml"))])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "store")


def put(catalog: Catalog, store: Store, name: str) -> Path:
    """Put a file into the store as a pull does."""
    want = wanted(catalog, name)
    partial = store.partial(want)
    partial.start("path x")
    partial.path.write_bytes(FILE)
    return store.place(want, partial, source="path x", accepted=True).path


def test_a_name_stands_for_the_first_file_or_the_quantisation_it_names(catalog: Catalog) -> None:
    """`NAME` and `NAME:Q8_0`, in any case."""
    first, second = wanted(catalog, "maker/two"), wanted(catalog, "Maker/Two:q8_0")
    assert (first.sha256, first.hub and first.hub.repo, first.parts) == ("0" * 64, "maker/two-gguf", ())
    assert (second.sha256, second.hub, second.size_bytes) == (DIGEST, None, len(FILE))
    assert [(part.requirement, part.member) for part in second.parts] == [
        ("weights-of-test==1.0", "weights_of_test/two.gguf")
    ]


def test_a_licence_that_is_not_known_is_not_open(catalog: Catalog) -> None:
    """Only what the catalogue states to be OSI-approved needs no acceptance; who states the licence is passed on."""
    assert builtin().licence("Apache-2.0") == builtin().licence("apache-2.0") is not None
    licence = wanted(catalog, "maker/two").licence
    assert (licence.id, licence.is_open, licence.title) == ("strange-1.0", False, None)
    assert licence.stated_by == "written for a test, 2026-11-26 (unverified)"


def test_the_shipped_weights_can_be_pulled_and_say_on_what_terms() -> None:
    """Apache is open, Gemma's terms are not and have an address and a sentence; each has two sources."""
    for model in builtin().models:
        if not model.weights:
            continue
        want = wanted(builtin(), model.id)
        assert want.hub is not None
        assert want.parts
        assert want.size_bytes
        assert want.licence.is_open == (model.licence == "apache-2.0")
        assert want.licence.is_open or (want.licence.url and want.licence.summary)


def test_a_hosted_model_cannot_be_pulled() -> None:
    """There are no weights to have."""
    with pytest.raises(CatalogError, match="cannot be pulled: it is hosted"):
        wanted(builtin(), "anthropic/claude-sonnet-4-5")


def test_missing_weights_say_how_to_get_them(catalog: Catalog, store: Store) -> None:
    """The reason that a decision shows for an unproven candidate."""
    with pytest.raises(WeightsError, match="the weights of maker/two are not here; assay pull maker/two"):
        find_weights(catalog.find("maker/two"), store)


def test_the_store_is_looked_into_for_every_file(catalog: Catalog, store: Store) -> None:
    """The second quantisation is there, the first is not: the model runs on the second; with both, on the first."""
    second = put(catalog, store, "maker/two:q8_0")
    assert find_weights(catalog.find("maker/two"), store) == second
    first = put(catalog, store, "maker/two")
    assert find_weights(catalog.find("maker/two"), store) == first


def test_an_installed_package_serves_without_a_pull(
    catalog: Catalog, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file in the package, until one is pulled."""
    package = tmp_path / "site" / "weights_of_test"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "two.gguf").write_bytes(FILE)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert find_weights(catalog.find("maker/two"), store) == package / "two.gguf"
    pulled = put(catalog, store, "maker/two:q8_0")
    assert find_weights(catalog.find("maker/two"), store) == pulled


def test_a_deployments_own_file_wins(catalog: Catalog, store: Store, tmp_path: Path) -> None:
    """`weights` in assay.toml is taken as it is; a model that is not in the catalogue needs it."""
    put(catalog, store, "maker/two")
    own = tmp_path / "own.gguf"
    own.write_bytes(b"own")
    model = catalog.find("maker/two")
    named = Deployment(model="maker/two", dialect="local", weights=str(own))
    assert weights_of(named, model, store) == own
    assert weights_of(Deployment(model="x/unknown", dialect="local"), None, store) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ('source = "package:weights_of_test/two.gguf"\npackage = "weights-of-test==1.0"\n', ""),
            "a `source`, `parts`",
        ),
        (('package = "weights-of-test==1.0"', 'parts = ["package:a/b"]'), "not both"),
        (('package = "weights-of-test==1.0"', 'packages = ["a==1", "b==1"]'), "1 parts in 2 packages"),
        (('evidence = "test" }}', 'evidence = "none" }}'), "evidence 'none' is not under"),
        (('repo = "maker/two-gguf"', 'repo = "two"'), "repo"),
    ],
)
def test_a_mistake_in_an_entry_is_named(change: tuple[str, str], message: str) -> None:
    """No place at all, two forms at once, parts without packages, a source that is not listed, an impossible name."""
    old, new = (text.replace("}}", "}") for text in change)
    assert old in TOML
    with pytest.raises(CatalogError, match=message):
        read(TOML.replace(old, new).encode(), "two.toml")
