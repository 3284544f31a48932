"""SQLite on disks that are full, that may not be written to, and that give back other bytes."""

import json
import os
import shutil
import tempfile
from contextlib import closing
from pathlib import Path
from random import Random

import fault_disks as disks
import fault_writers as writers
import pytest
from fault_checks import Expected, check, check_bytes
from fault_log import NS, Log, read_log
from fault_processes import Orders, run

from holdfast.errors import StoreUnreadable
from holdfast.stores.opening import open_store


def told(orders):
    return json.loads((orders.folder / "told").read_text(encoding="utf-8"))


# Full


def test_on_a_full_disk_a_write_is_refused_whole_and_goes_on_when_there_is_room(sqlite):
    run(disks.write_until_full, sqlite)
    refused = told(sqlite)
    assert len(refused) >= 10
    for kind, message in refused:
        assert kind == "StoreError"
        assert "nothing was written. " in message
        assert "disk has room" in message
    with sqlite.open() as store:
        expected = Expected(store, [read_log(sqlite.log)])
        check(store, expected)


def test_what_is_forgotten_on_a_full_disk_is_gone_and_its_bytes_when_there_is_room(sqlite):
    run(disks.forget_while_full, sqlite)
    erased = told(sqlite)
    assert (erased["memories"], erased["messages"]) == (5, 3)
    assert not erased["complete"]
    assert "the next opening of the store, finishes it" in erased["reason"]
    with sqlite.open() as store:
        expected = Expected(store, [read_log(sqlite.log)])
        check(store, expected)
    check_bytes(sqlite.folder / "x.db", expected.gone)


# Read-only


@pytest.fixture
def read_only():
    """A folder that anybody can reach, with stores that nobody may write to in three ways."""
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    folder.chmod(0o755)
    for name in ("file", "folder", "no-file"):
        (folder / name).mkdir()
        if name != "no-file":
            with open_store(folder / name / "x.db") as store:
                store.put(NS, "tea", writers.value_of("likes tea"))
            (folder / name / "x.db").chmod(0o444)
    (folder / "file").chmod(0o777)
    (folder / "folder").chmod(0o555)
    (folder / "no-file").chmod(0o555)
    yield folder
    for name in ("folder", "no-file"):
        (folder / name).chmod(0o755)
    shutil.rmtree(folder)


def test_what_may_not_be_written_is_read_where_that_can_be_and_else_told(sqlite, read_only):
    before = {path: path.read_bytes() for path in read_only.glob("*/x.db")}
    run(disks.use_what_may_not_be_written, sqlite, read_only)
    heard = told(sqlite)
    found, refused = heard["file"]
    assert found == ["tea"]
    for kind, message in (refused, *heard["folder"], *heard["new"]):
        assert kind == "StoreError"
        assert message.endswith("Let this user write to the file and to its folder.")
    assert {path: path.read_bytes() for path in before} == before
    assert os.listdir(read_only / "no-file") == []


def test_a_store_stays_where_it_was_opened_when_its_process_goes_elsewhere(sqlite):
    (sqlite.folder / "elsewhere").mkdir()
    run(disks.move_and_read, sqlite, sqlite.folder / "elsewhere")


# Damaged


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A store that was closed, with all sorts of things in it."""
    folder = tmp_path_factory.mktemp("sound")
    orders = Orders(str(folder / "x.db"), folder, "p", 0, index=True)
    planner, log = writers.Planner("p", 0), Log(orders.log)
    with orders.open() as store:
        for _ in range(12):
            writers.do(store, log, planner.heavy(store))
        writers.do(store, log, planner.many(100))
    return folder / "x.db"


PAGE = 4_096

USES = {
    "search": lambda store: store.search(NS, limit=10_000),
    "words": lambda store: store.search(NS, query="harbour", limit=50),
    "journal": lambda store: store.journal(NS, limit=1_000),
    "search_journal": lambda store: store.search_journal(NS, "harbour"),
    "history": lambda store: [store.history(NS, f"p-whole-{i}") for i in range(10)],
    "records": lambda store: store.records(NS, [f"p-own-{i}" for i in range(20)]),
    "as_of": lambda store: store.as_of("2999-01-01", NS),
    "namespaces": lambda store: store.list_namespaces(),
    "threads": lambda store: store.threads(NS),
}
GARBAGE = [
    lambda rng, count: rng.randbytes(count),
    lambda rng, count: bytes(rng.choices(b'abc1230:- {}"[],', k=count)),
    lambda rng, count: bytes(count),
]


UNREADABLE = "unreadable"


def outcome(use, *given):
    """Return what comes of using a store, which may be that it says that it is damaged."""
    try:
        return use(*given)
    except StoreUnreadable:
        return UNREADABLE


@pytest.mark.parametrize("seed", range(24))
def test_damage_is_told_and_the_file_is_left_as_it_is(seed, sound, tmp_path):
    rng, data = Random(seed), bytearray(sound.read_bytes())
    at = rng.randrange(100, len(data))
    end = min(len(data), at + rng.choice([16, 200, PAGE, 40_000]))
    data[at:end] = GARBAGE[seed % len(GARBAGE)](rng, end - at)
    path = tmp_path / "x.db"
    path.write_bytes(data)
    with open_store(sound) as store:
        right = {name: outcome(use, store) for name, use in USES.items()}
    store = outcome(open_store, path)
    if store != UNREADABLE:
        with closing(store):
            heard = {name: outcome(use, store) for name, use in USES.items()}
            assert heard == right or store.doctor() != []
    assert path.read_bytes() == data
    assert [file.name for file in tmp_path.iterdir()] == ["x.db"]


@pytest.mark.parametrize("seed", range(12))
def test_writing_to_a_damaged_file_fails_as_a_store_does(seed, sound, tmp_path):
    rng, data = Random(seed), bytearray(sound.read_bytes())
    at = rng.randrange(100, len(data) - PAGE)
    data[at : at + 20_000] = rng.randbytes(len(data[at : at + 20_000]))
    path = tmp_path / "x.db"
    path.write_bytes(data)
    for number in range(3):
        assert outcome(_put_and_get, path, f"p-whole-{number}") in (UNREADABLE, "new")


def _put_and_get(path, key):
    with open_store(path) as store:
        store.put(NS, key, writers.value_of("new"))
        return store.get(NS, key).value["content"]["content"]


@pytest.mark.parametrize("left", [0.001, 0.2, 0.5, 0.9, "all but a page"])
def test_a_file_that_was_cut_off_is_refused_and_left_as_it_is(left, sound, tmp_path):
    data = sound.read_bytes()
    data = data[: -PAGE if isinstance(left, str) else int(len(data) * left)]
    path = tmp_path / "x.db"
    path.write_bytes(data)
    with pytest.raises(StoreUnreadable, match="cannot be read"):
        open_store(path)
    assert path.read_bytes() == data
    assert [file.name for file in tmp_path.iterdir()] == ["x.db"]


@pytest.mark.parametrize(
    "data", [b"this is a text of some length\n" * 100, b"SQLite format 3\0" * 300, b"tea\n"]
)
def test_what_is_no_store_is_refused_and_left_as_it_is(data, tmp_path):
    path = tmp_path / "x.db"
    path.write_bytes(data)
    with pytest.raises(StoreUnreadable, match="cannot be read"):
        open_store(path)
    assert path.read_bytes() == data
    assert [file.name for file in tmp_path.iterdir()] == ["x.db"]
