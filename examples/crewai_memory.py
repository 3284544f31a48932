"""A crew that is told what is remembered, and whose conversation is kept.

It is told something in one thread, and asked about it in another. It needs `holdfast` and `crewai`,
and a key of OpenAI's, or `OPENAI_BASE_URL` of a server that speaks as they do:

    OPENAI_API_KEY=... python crewai_memory.py
"""

import os
from pathlib import Path
from typing import Any

# CrewAI reports how it is used, and offers to upload traces, unless it is told not to beforehand.
os.environ.setdefault("CREWAI_DISABLE_TELEMETRY", "true")
os.environ.setdefault("CREWAI_TRACING_ENABLED", "false")

from crewai import Agent, Crew, CrewOutput, Task

from holdfast import AgentMemory, open_store

MODEL = "openai/gpt-5-mini"


class Conversation:
    """One thread of one user: what a crew is told before a kickoff, and what is kept of it.

    Args:
        memory: Where to recall from, and to keep in.
        user: Whose memory it is. Take it from your login, never from a model.
        thread: The conversation.
    """

    def __init__(self, memory: AgentMemory, user: str, thread: str) -> None:
        self._memory = memory
        self._config: Any = {"configurable": {"user_id": user, "thread_id": thread}}
        self._said: list[dict[str, str]] = []

    def before(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Keep what the user says, and add what is remembered about it to the inputs."""
        asked = {"role": "user", "content": inputs["request"]}
        # A kickoff knows nothing of the one before: earlier turns of the thread are recalled, too.
        remembered = self._memory.recall([asked], self._config).as_text()
        self._said.append(asked)
        self._memory.reflect(self._said, self._config)  # now already: the kickoff may fail
        return {**inputs, "remembered": remembered}

    def after(self, output: CrewOutput) -> CrewOutput:
        """Keep what the crew answered; what is kept is not kept again."""
        self._said.append({"role": "assistant", "content": output.raw})
        self._memory.reflect(self._said, self._config)
        return output


def crew_for(memory: AgentMemory, user: str, thread: str) -> Crew:
    """Return a crew for one conversation."""
    conversation = Conversation(memory, user, thread)
    cook = Agent(
        role="a friend who cooks",
        goal="answer what you are asked",
        # The backstory is in the system message. One variable to a text: CrewAI would fill in the
        # others where what was filled in names them.
        backstory="You are kind, and you mind what you were told.\n\n{remembered}\n",
        llm=MODEL,
    )
    answer = Task(description="{request}", expected_output="a short answer", agent=cook)
    crew = Crew(agents=[cook], tasks=[answer])
    # Hooks of this crew alone: those around model calls are called for every crew of the process.
    crew.before_kickoff_callbacks.append(conversation.before)
    crew.after_kickoff_callbacks.append(conversation.after)
    return crew


def main(path: str | Path = "memory.db") -> None:
    """Tell it on Monday, and ask on Tuesday."""
    with open_store(path) as store:
        memory = AgentMemory(("memories", "{user_id}"), store=store)
        monday = crew_for(memory, "nora", "monday")
        monday.kickoff({"request": "My sister Ines is allergic to peanuts."})
        tuesday = crew_for(memory, "nora", "tuesday")
        print(tuesday.kickoff({"request": "What can Ines not eat?"}))


if __name__ == "__main__":
    main()
