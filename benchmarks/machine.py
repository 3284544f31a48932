"""What else the machine does while something is measured on it."""

from __future__ import annotations

import os


def load_average() -> float | None:
    """Return how many processes wanted a core in the last minute, where the system tells."""
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
