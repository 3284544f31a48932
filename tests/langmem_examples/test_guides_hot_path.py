"""Guide "hot path quickstart": an agent that keeps notes, and reads them in its prompt."""

from langchain.agents import create_agent
from langchain.agents.middleware import dynamic_prompt
from langgraph.checkpoint.memory import MemorySaver
from langgraph.utils.config import get_store

from holdfast import create_manage_memory_tool


# Corrected: a prompt that is a function is a middleware of `create_agent`.
@dynamic_prompt
def prompt(request):
    store = get_store()
    memories = store.search(("memories",), query=request.state["messages"][-1].text)
    return f"""You help with a kiln.

<memories>
{memories}
</memories>
"""


def test_an_agent_recalls_in_a_new_thread_what_it_saved(provider, store):
    """hot_path_quickstart, blocks 1 and 2."""
    agent = create_agent(
        "anthropic:claude-3-5-sonnet-latest",
        middleware=[prompt],
        tools=[create_manage_memory_tool(namespace=("memories",))],
        store=store,
        checkpointer=MemorySaver(),
    )
    provider.will_say(
        "I know of no glaze that you favour.",
        [("manage_memory", {"action": "create", "content": "User favours celadon glaze"})],
        "Celadon, noted.",
        "You favour celadon glaze.",
    )

    def ask(text, config):
        given = {"messages": [{"role": "user", "content": text}]}
        return agent.invoke(given, config=config)["messages"][-1].content

    config = {"configurable": {"thread_id": "studio-a"}}
    assert ask("Know which glaze I favour?", config) == "I know of no glaze that you favour."
    assert store.search(("memories",)) == []
    assert ask("celadon. Remember that.", config) == "Celadon, noted."
    (item,) = store.search(("memories",))
    assert item.value == {"kind": "Memory", "content": "User favours celadon glaze"}
    assert item.key in provider.prompts[2]

    new_config = {"configurable": {"thread_id": "studio-b"}}
    answer = ask("Hello again. What do I favour?", new_config)
    assert answer == "You favour celadon glaze."
    system, *rest = provider.requests[3].messages
    assert "User favours celadon glaze" in system.content
    assert [message.content for message in rest] == ["Hello again. What do I favour?"]
    # The first thread went on in its second turn.
    assert "Know which glaze I favour?" in provider.prompts[1]
    assert {tuple(sent.tool_names) for sent in provider.requests} == {("manage_memory",)}
