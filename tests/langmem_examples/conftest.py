"""What the examples share: a provider on this machine, and a store with its embeddings.

In the examples, blocks are counted among the Python blocks of a document, from 1 on. Names of
models stand as the document prints them, wherever today's clients still take them.
"""

import re
from collections import deque

import pytest
from langchain_openai import OpenAIEmbeddings
from langgraph.store.memory import InMemoryStore

from holdfast.testing import LocalProvider, ProviderError


class Provider:
    """Plays replies to the real clients in order, and keeps what they sent.

    A reply may be a function of the request, where it needs the id of a memory shown there.
    """

    def __init__(self):
        self.server = LocalProvider(self._answer)
        self.replies = deque()
        self.requests = []

    def will_say(self, *replies):
        self.replies.extend(replies)

    def _answer(self, request):
        self.requests.append(request)
        if not self.replies:
            raise ProviderError(400, f"No reply is left for: {request.text[:300]}")
        reply = self.replies.popleft()
        return reply(request) if callable(reply) else reply

    @staticmethod
    def id_of(words, request):
        """Return the short id under which a manager shows the model a memory with these words."""
        shown = re.findall(r'<memory id="(m\d+)"[^>]*>(.*?)</memory>', request.text)
        (found,) = [id for id, content in shown if words in content]
        return found

    @property
    def prompts(self):
        """All texts of each request for a chat reply, without its tools."""
        return ["\n".join(str(m.content) for m in sent.messages) for sent in self.requests]

    @property
    def models(self):
        """The models that were asked for chat replies, in order."""
        received = self.server.requests
        return [r.body["model"] for r in received if not r.path.endswith("/embeddings")]

    @property
    def embedded(self):
        """The texts of which vectors were made."""
        received = self.server.requests
        return [t for r in received if r.path.endswith("/embeddings") for t in r.body["input"]]


@pytest.fixture
def provider(monkeypatch, no_open_connections):
    """A provider to which every client in the test leads; all its replies must be used."""
    played = Provider()
    with played.server as server:
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        yield played
    assert not played.replies


@pytest.fixture
def store(provider):
    """The store of the documents: in memory, with OpenAI's embeddings."""
    embeddings = OpenAIEmbeddings(
        model="text-embedding-3-small", check_embedding_ctx_length=False, dimensions=1536
    )
    return InMemoryStore(index={"dims": 1536, "embed": embeddings})
