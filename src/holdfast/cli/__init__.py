"""The command line: `holdfast remember | recall | list | forget | export | eval | ...`."""

from holdfast.cli import (
    commands,
    consolidation_commands,
    evaluation_commands,
    job_commands,
    ledger_commands,
    mcp_command,
    prompt_commands,
    store_commands,
)
from holdfast.cli.shared import app

__all__ = [
    "app",
    "commands",
    "consolidation_commands",
    "evaluation_commands",
    "job_commands",
    "ledger_commands",
    "mcp_command",
    "prompt_commands",
    "store_commands",
]
