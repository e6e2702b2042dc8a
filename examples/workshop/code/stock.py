"""What lies on the shelves and what has to be ordered."""

from __future__ import annotations


def to_reorder(parts: list[dict]) -> list[str]:
    """Numbers of the parts of which fewer pieces are left than `reorder_at`, in the order given."""
    return [part["number"] for part in parts if part["stock"] < part["reorder_at"]]


def after_delivery(stock: dict[str, int], delivery: dict[str, int]) -> dict[str, int]:
    """Pieces on the shelf after a delivery was put there; parts that were not there yet are added."""
    result = dict(stock)
    for number, pieces in delivery.items():
        result[number] = result.get(number, 0) + pieces
    return result


def best_offer(offers: list[tuple[str, int, int]]) -> str:
    """The supplier with the lowest price, and among equal prices the one with the fewest days.

    An offer is (supplier, price, days).
    """
    best = min(offers, key=lambda offer: (offer[1], offer[2]))
    return best[0]
