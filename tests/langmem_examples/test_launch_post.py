"""003, the launch post: facts from one conversation, brought up to date by a second."""

from holdfast import ExtractedMemory, Memory, create_memory_manager


def test_facts_are_extracted_and_extended(provider):
    """003, block 1: what the second call returns is what the post lists."""
    first_fact = "Ingrid runs the bakery and trains Paolo, who works there, too."
    second_fact = "Paolo now runs the bakery and the market stall."
    provider.will_say([("Memory", {"content": first_fact})], [("Memory", {"content": second_fact})])
    manager = create_memory_manager(
        "anthropic:claude-3-5-sonnet-latest",
        instructions="Take down preferences and facts",
        enable_inserts=True,
    )
    conversation = [{"role": "user", "content": first_fact}]
    memories = manager.invoke({"messages": conversation})
    assert [memory.content for memory in memories] == [Memory(content=first_fact)]

    conversation2 = [{"role": "user", "content": second_fact}]
    update = manager.invoke({"messages": conversation2, "existing": memories})
    ids = {memory.content.content: memory.id for memory in update}
    assert ids[first_fact] == memories[0].id
    # Corrected: the post uses both classes without importing them.
    listed = [
        ExtractedMemory(id=ids[first_fact], content=Memory(content=first_fact)),
        ExtractedMemory(id=ids[second_fact], content=Memory(content=second_fact)),
    ]
    assert sorted(update) == sorted(listed)
    assert [change.after for change in update.receipt.inserted] == [{"content": second_fact}]
    assert provider.id_of("trains Paolo", provider.requests[1]) == "m1"
    assert provider.requests[1].tool_names == ["Memory", "PatchDoc"]
    assert provider.models == ["claude-3-5-sonnet-latest"] * 2
