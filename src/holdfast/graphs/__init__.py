"""Graphs for a LangGraph server: memories of conversations, and better prompts.

`langgraph.json` names what it takes of here by path: `holdfast.graphs.semantic:extract_memories`,
`holdfast.graphs.prompts:optimize_prompts`, and `holdfast.graphs.store.server_store`.
"""

from holdfast.graphs.places import pin

__all__ = ["pin"]
