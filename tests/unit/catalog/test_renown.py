"""Popularity is told as what it is."""

import pytest

from assay.catalog.entry import Source
from assay.catalog.family import Family
from assay.catalog.file import File, complete
from assay.catalog.load import Catalog, builtin
from assay.catalog.model import Benchmark, Model
from assay.catalog.renown import only_popular


@pytest.mark.parametrize(
    ("derivatives", "figures", "warned"), [(5000, 0, True), (5000, 1, False), (49, 0, False), (None, 0, False)]
)
def test_popularity_alone_is_warned_of(derivatives: int | None, figures: int, warned: bool) -> None:
    """Many derivatives without a published figure are warned of; a figure, or few derivatives, is not."""
    figure = Benchmark(name="gpqa-diamond", score=50.0, evidence="x")
    model = Model(id="m/m", name="m", maker="m", ecosystem="open-weight", evidence="x", benchmarks=(figure,) * figures)
    family = Family(name="Em", maker="m", derivatives=derivatives, evidence="x")
    file = File(as_of="2026", family="em", sources={"x": Source(title="x")}, families={"em": family}, models=(model,))
    catalog = Catalog([("f", complete(file, "f"))])
    said = only_popular(catalog.find("m/m"), catalog)
    assert (said is not None) == warned
    assert not warned or "5,000" in str(said)


def test_shipped_popularity_speaks() -> None:
    """Of the shipped models some are popular and nothing else, and nobody who has a figure is called so."""
    catalog = builtin()
    warned = {model.id for model in catalog.models if only_popular(model, catalog) is not None}
    assert warned
    assert not any(catalog.find(name).benchmarks for name in warned)
    assert all((catalog.families[catalog.find(name).family].derivatives or 0) > 0 for name in warned)
