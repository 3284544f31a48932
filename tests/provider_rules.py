"""What OpenAI and Anthropic refuse in a conversation, as checks of messages.

Sources: OpenAI, "Function calling" (an assistant message with `tool_calls` is followed by one tool
message for each id, and by nothing else before that); Anthropic, "Messages" and "Tool use" (the
user begins; results of all calls stand at the beginning of the next turn of the user).
"""

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage


def openai_refuses(messages):
    """Return why OpenAI would refuse the messages; None if it takes them."""
    if not messages:
        return "empty"
    waiting = []
    for place, message in enumerate(messages):
        if isinstance(message, ToolMessage):
            if message.tool_call_id not in waiting:
                return f"{place}: a result without a call"
            waiting.remove(message.tool_call_id)
            continue
        if waiting:
            return f"{place}: no result of {waiting}"
        if isinstance(message, AIMessage):
            waiting = [call["id"] for call in message.tool_calls]
    return f"no result of {waiting}" if waiting else None


def anthropic_refuses(messages):
    """Return why Anthropic would refuse the messages; None if it takes them."""
    said = list(messages)
    while said and isinstance(said[0], SystemMessage):
        said.pop(0)
    if any(isinstance(message, SystemMessage) for message in said):
        return "a system message that is not in front"
    turns = []
    for message in said:
        role = "assistant" if isinstance(message, AIMessage) else "user"
        if turns and turns[-1][0] == role:
            turns[-1][1].append(message)
        else:
            turns.append((role, [message]))
    if not turns or turns[0][0] != "user":
        return "the user does not begin"
    asked = []
    for _, turn in turns:
        results = []
        for message in turn:
            if not isinstance(message, ToolMessage):
                break
            results.append(message.tool_call_id)
        late = [m for m in turn[len(results) :] if isinstance(m, ToolMessage)]
        if late or sorted(results) != sorted(asked):
            return f"results {results} for calls {asked}"
        asked = [call["id"] for m in turn if isinstance(m, AIMessage) for call in m.tool_calls]
    return f"no results of {asked}" if asked else None


def refusals(messages):
    """Return why the providers would refuse messages; an empty dict if both take them."""
    found = {"openai": openai_refuses(messages), "anthropic": anthropic_refuses(messages)}
    return {name: why for name, why in found.items() if why}


def users(messages):
    """Return what users said, in order."""
    return [message for message in messages if isinstance(message, HumanMessage)]
