"""How figures of any size are written, in tables and plots alike."""

__all__ = ["plain"]

_UNITS = ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k"))


def plain(value: float) -> str:
    """A figure in a few letters: `0.25`, `1,500`, `100k`, `2.5M`."""
    for least, size, unit in _UNITS:
        if abs(value) >= least:
            return f"{value / size:,.4g}{unit}"
    return f"{value:,.4g}"
