"""The Prefer header (RFC 7240), as far as it is honoured: `respond-async`, which is what happens anyway, and `wait=N`.

A preference that is not known is no error by that standard; which ones were honoured stands in `Preference-Applied`.
"""

from __future__ import annotations

import math


def preferred_wait_s(header: str | None) -> float | None:
    """The seconds that the caller is ready to wait, None where it says nothing that can be read."""
    for preference in (header or "").split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "wait":
            try:
                seconds = float(value.strip().strip('"'))
            except ValueError:
                return None
            return seconds if math.isfinite(seconds) and seconds >= 0 else None
    return None


def applied(wait_s: float) -> dict[str, str]:
    """The header that tells that the wait was honoured, as long as it is really waited."""
    return {"Preference-Applied": f"wait={wait_s:g}"}
