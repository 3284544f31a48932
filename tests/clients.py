"""Real clients of the providers, for tests against the local server."""

import anthropic
import openai
import pytest
from langchain_anthropic import ChatAnthropic
from langchain_openai import ChatOpenAI


@pytest.fixture(scope="session")
def transports():
    """Return HTTP clients for OpenAI: to make them takes long, and they know no address."""
    with openai.DefaultHttpxClient() as client:
        # Without a connection the asynchronous one holds nothing that could stay open.
        yield {"http_client": client, "http_async_client": openai.DefaultAsyncHttpxClient()}


@pytest.fixture
def chat(transports):
    """Return a function that makes a real client of a provider."""

    def make(provider, server, **settings):
        settings = {"max_retries": 0, "api_key": "secret", **settings}
        if provider == "anthropic":
            settings = {"model": "claude-haiku-4-5", **settings}
            return ChatAnthropic(base_url=server.anthropic_url, **settings)
        settings = {"model": "gpt-5-mini", **transports, **settings}
        return ChatOpenAI(base_url=server.openai_url, **settings)

    return make


@pytest.fixture
def no_open_connections(monkeypatch):
    """Make every request close its connection: the cached clients would keep theirs open."""

    def closing(send):
        def once(client, request, **options):
            request.headers["connection"] = "close"
            return send(client, request, **options)

        return once

    for sdk in (openai, anthropic):
        for default in (sdk.DefaultHttpxClient, sdk.DefaultAsyncHttpxClient):
            # Which library that class comes from depends on the version of the SDK.
            monkeypatch.setattr(default.__base__, "send", closing(default.__base__.send))
