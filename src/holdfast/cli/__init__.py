"""The command line: `holdfast remember | recall | list | history | forget | export | ...`."""

from holdfast.cli import commands, ledger_commands, store_commands
from holdfast.cli.shared import app

__all__ = ["app", "commands", "ledger_commands", "store_commands"]
