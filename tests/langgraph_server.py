"""A real LangGraph server for tests: `langgraph dev` in a process of its own.

`graph_servers` runs holdfast's own graphs on it, without auth and with the example's.
"""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from holdfast.testing import LocalProvider

ROOT = Path(__file__).parent.parent
DEPLOYMENT = ROOT / "examples" / "deployment"
TOKENS = {"token-of-nora": "nora@mail.example", "token-of-bob": "bob"}

BLOCKS = """
import time
from langgraph.graph import START, MessagesState, StateGraph

async def sleep(state):
    time.sleep(0.01)

blocks = StateGraph(MessagesState).add_node(sleep).add_edge(START, "sleep").compile()
"""

JOBS = "4"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(ask, seconds=20):
    until = time.monotonic() + seconds
    while not (answer := ask()) and time.monotonic() < until:
        time.sleep(0.05)
    return answer


def answers(url):
    try:
        return httpx.get(f"{url}/ok", timeout=2).is_success
    except httpx.TransportError:
        return False


@contextlib.contextmanager
def langgraph_dev(home, config, env=None):
    """Run `langgraph dev` in a folder, where blocking calls are errors; yield its address.

    It is killed in the end, without a chance to write anything down.
    """
    (home / "langgraph.json").write_text(json.dumps(config), encoding="utf-8")
    port = free_port()
    command = [sys.executable, "-m", "langgraph_cli", "dev", "--no-browser", "--no-reload"]
    command += ["--port", str(port), "--n-jobs-per-worker", JOBS]
    quiet = {"LANGGRAPH_CLI_NO_ANALYTICS": "1", "LANGSMITH_TRACING": "false"}
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            command, cwd=home, env={**os.environ, **quiet, **(env or {})}, stdout=log, stderr=log
        )
    try:
        url = f"http://127.0.0.1:{port}"
        up = wait_for(lambda: answers(url) or server.poll() is not None, 60)
        assert up, (home / "log").read_text()
        assert server.poll() is None, (home / "log").read_text()
        yield url
    finally:
        server.kill()
        server.wait()


def answer(request):
    """Play a model: keep what follows "Remember:", and let every prompt say more."""
    tools, asked = request.tool_names, str(request.messages[-1].content)
    if "choose_prompts" in tools:
        return [("choose_prompts", {"which": re.findall(r'<prompt name="([^"]+)"', asked)})]
    if "recommend" in tools:
        told = {"hypotheses": "It is short.", "full_recommendations": "Say more."}
        return [("recommend", {"warrants_adjustment": True, **told})]
    if "rewrite_prompt" in tools:
        return [("rewrite_prompt", {"prompt": "You are a helpful assistant. Say more."})]
    if "critique" in tools:
        return [("critique", {"criticism": "It says too little."})]
    if "UserPreference" in tools:
        told = {"preference": "dark mode, minimalist interfaces", "category": "UI"}
        return [("UserPreference", told)]
    return [("Memory", {"content": kept}) for kept in re.findall(r"Remember: ([^.]*)\.", asked)]


class GraphServers:
    """Servers of our graphs that take turns on one file of memories; one runs at a time.

    Each is started by the repository's own `langgraph.json`, or the example's, when it is first
    asked for, and killed when the other is.
    """

    def __init__(self, home, env):
        self._home, self._env = home, env
        self._running = contextlib.ExitStack()
        self._name = None
        self._url = None
        self._started = 0

    @property
    def plain(self):
        """The address of a server that asks nobody who they are."""
        return self._at("plain")

    @property
    def guarded(self):
        """The address of a server with the example's auth; `TOKENS` are those it knows."""
        return self._at("guarded")

    @property
    def log(self):
        """What the last server wrote."""
        return (self._home / f"{self._started}" / "log").read_text()

    def stop(self):
        self._running.close()

    def _at(self, name):
        if name != self._name:
            self._running.close()
            self._name, self._started = None, self._started + 1
            home = self._home / f"{self._started}"
            home.mkdir()
            folder = ROOT if name == "plain" else DEPLOYMENT
            config = json.loads((folder / "langgraph.json").read_text(encoding="utf-8"))
            if name == "plain":
                (home / "graphs.py").write_text(BLOCKS, encoding="utf-8")
                config["graphs"]["blocks"] = "./graphs.py:blocks"
            else:
                shutil.copy(DEPLOYMENT / "auth.py", home)
            self._url = self._running.enter_context(langgraph_dev(home, config, self._env))
            self._name = name
        return self._url


@pytest.fixture(scope="session")
def graph_servers(tmp_path_factory):
    """Servers of our graphs, with a model on this machine."""
    home = tmp_path_factory.mktemp("graphs")
    with LocalProvider(answer) as provider:
        env = {
            **provider.env,
            "AUTH_TOKENS": json.dumps(TOKENS),
            "HOLDFAST_MODEL": "openai:gpt-5-mini",
            "HOLDFAST_STORE": str(home / "data" / "memory.db"),
            "HOLDFAST_EMBED": "openai:text-embedding-3-small",
            "HOLDFAST_DIMS": "64",
        }
        servers = GraphServers(home, env)
        try:
            yield servers
        finally:
            servers.stop()
