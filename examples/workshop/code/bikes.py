"""What a bike can still do before it has to be charged or serviced."""

from __future__ import annotations


def remaining_km(battery_wh: int, percent: int, wh_per_km: int) -> float:
    """Kilometres that a battery of so many Wh, charged to so many per cent, will last."""
    return battery_wh * percent / 100 / wh_per_km


def mean_temperature(readings: list[float | None]) -> float | None:
    """Mean of the readings; missing ones (None) do not count. None if there is no reading at all."""
    known = [one for one in readings if one is not None]
    if not known:
        return None
    return sum(known) / len(known)


def service_due(km_now: int, km_at_last_service: int) -> bool:
    """Whether 1500 km or more have been ridden since the last service."""
    return km_now - km_at_last_service >= 1500


def is_open(weekday: int, minute: int) -> bool:
    """Whether the shop is open. Monday is 0; `minute` counts from midnight.

    On weekdays it is open from 480 on, until 990, on Saturdays from 600 until 840, on Sundays never. In the closing
    minute it is closed.
    """
    if weekday < 5:
        return 480 <= minute < 990
    if weekday == 5:
        return 600 <= minute < 840
    return False
