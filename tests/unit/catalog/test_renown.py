"""Popularity is told as what it is."""

import pytest

from assay.catalog.entry import Source
from assay.catalog.family import Family
from assay.catalog.file import File, complete
from assay.catalog.load import Catalog
from assay.catalog.model import Benchmark, Model
from assay.catalog.renown import only_popular


@pytest.mark.parametrize(
    ("derivatives", "figures", "warned"), [(5000, 0, True), (5000, 1, False), (0, 0, False), (None, 0, False)]
)
def test_popularity_alone_is_warned_of(derivatives: int | None, figures: int, warned: bool) -> None:
    """Derivatives without a published figure are warned of; a figure, or no popularity, is not."""
    figure = Benchmark(name="gpqa-diamond", score=50.0, evidence="x")
    model = Model(id="m/m", name="m", maker="m", ecosystem="open-weight", evidence="x", benchmarks=(figure,) * figures)
    family = Family(name="Em", maker="m", derivatives=derivatives, evidence="x")
    file = File(as_of="2026", family="em", sources={"x": Source(title="x")}, families={"em": family}, models=(model,))
    catalog = Catalog([("f", complete(file, "f"))])
    said = only_popular(catalog.find("m/m"), catalog)
    assert (said is not None) == warned
    assert not warned or "5,000" in str(said)
