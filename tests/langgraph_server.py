"""A real LangGraph server for tests: `langgraph dev` in a process of its own."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time

import httpx

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
