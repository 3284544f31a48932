"""A process forks while threads of it are in the midst of a call: the child goes on anew."""

import subprocess
import sys

import pytest

FORKED_WHILE_OTHERS_ASK = """
import os, signal, sys, threading
from holdfast import open_store, recall
address, settings = sys.argv[1], dict(pair.split("=") for pair in sys.argv[2:])
store = open_store(address, **settings)
for n in range(300):
    store.put(("p",), f"k{n}", {"content": f"tea number {n} of the harbour"})

def ask(record=True):
    assert recall("tea of the harbour", ("p",), store=store, k=3, record=record)

ended = threading.Event()

def others():
    while not ended.is_set():
        ask()
        store.put(("p",), "k0", {"content": f"tea of the harbour {threading.get_ident()}"})

asking = [threading.Thread(target=others) for _ in range(3)]
for thread in asking:
    thread.start()
codes = []
for _ in range(10):
    child = os.fork()
    if not child:
        signal.alarm(5)
        ask()
        store.note_recall(("p",), ["k1"], used=True)
        store.close()
        os._exit(0)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
ask()
ended.set()
for thread in asking:
    thread.join()
store.close()
assert codes == [0] * 10, codes
"""


FORKED_WHILE_ANOTHER_ASKS_FIRST = """
import os, signal, sys, threading, time
from holdfast import open_store, recall
address, settings = sys.argv[1], dict(pair.split("=") for pair in sys.argv[2:])
store = open_store(address, **settings)
store.put(("p",), "k", {"content": "tea of the harbour"})
importing = threading.Event()

class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy.linalg":
            importing.set()
            time.sleep(0.5)

def ask():
    assert recall("tea of the harbour", ("p",), store=store)

sys.meta_path.insert(0, Slow())
asking = threading.Thread(target=ask)
asking.start()
assert importing.wait(10)
child = os.fork()
if not child:
    signal.alarm(5)
    ask()
    os._exit(0)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
asking.join()
store.close()
assert code == 0, code
"""


@pytest.mark.parametrize(
    "code", [FORKED_WHILE_OTHERS_ASK, FORKED_WHILE_ANOTHER_ASKS_FIRST], ids=["often", "first"]
)
@pytest.mark.parametrize("sort", ["sqlite", "postgres"])
def test_a_child_forked_while_others_recall_goes_on(request, tmp_path, sort, code):
    where = [str(tmp_path / "x.db")]
    if sort == "postgres":
        schema = request.getfixturevalue("postgres_schema")
        where = [request.getfixturevalue("postgres_url"), f"schema={schema}"]
    command = [sys.executable, "-W", "ignore", "-c", code, *where]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
