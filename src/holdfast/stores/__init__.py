"""Where memories are kept: one folder a backend, what they do written once in `plan`."""

from holdfast.stores.opening import open_store

__all__ = ["open_store"]
