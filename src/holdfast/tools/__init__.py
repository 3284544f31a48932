"""The agent's own hands: tools with which it manages and searches its memories."""

from holdfast.tools.manage import create_manage_memory_tool
from holdfast.tools.search import create_search_memory_tool
from holdfast.tools.toolbox import Toolbox

__all__ = ["Toolbox", "create_manage_memory_tool", "create_search_memory_tool"]
