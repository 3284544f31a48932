"""The command line: `holdfast remember | recall | list | forget | demo`."""

from holdfast.cli.commands import app

__all__ = ["app"]
