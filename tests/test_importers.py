"""What stands in ChatGPT's export and in mem0's files comes out whole, or an error names it."""

import json
import os
import sqlite3
import tempfile
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import InputError
from holdfast.memory import Message
from holdfast.transfer.chatgpt import Conversation, read_chatgpt
from holdfast.transfer.mem0 import Mem0Event, Mem0Memory, read_mem0

# --- ChatGPT -------------------------------------------------------------------------------


def node(parent=None, text=None, role="user", children=(), content=None, author=(), **more):
    """A node as the export writes it; without text and content it carries no message."""
    message = None
    if text is not None or content is not None:
        message = {
            "author": {"role": role, "name": None, "metadata": {}, **dict(author)},
            "content": content or {"content_type": "text", "parts": [text]},
            "create_time": None,
            "recipient": "all",
            "metadata": {},
            **more,
        }
    return {"message": message, "parent": parent, "children": list(children)}


def tree(mapping, current=None, thread="c1", title="Trip"):
    named = {"id": thread, "conversation_id": thread, "title": title}
    return {**named, "current_node": current, "mapping": mapping}


def linear(thread, *texts):
    """A conversation in which the user says one thing after the other."""
    mapping = {f"{thread}-0": node()}
    for number, text in enumerate(texts, start=1):
        mapping[f"{thread}-{number}"] = node(f"{thread}-{number - 1}", text)
    return tree(mapping, f"{thread}-{len(texts)}", thread, f"About {thread}")


def written(folder, found, name="conversations.json"):
    file = Path(folder, name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found), encoding="utf-8")
    return file


def only(folder, mapping, current="n"):
    (conversation,) = read_chatgpt(written(folder, [tree(mapping, current)]))
    return conversation


def one_message(folder, **more):
    """The only message of a conversation that has one node with one."""
    (message,) = only(folder, {"n": node(**more)}).messages
    return message


def test_a_conversation_is_read_from_its_root_to_its_current_node(tmp_path):
    mapping = {
        "root": node(children=["sys"]),
        "sys": node("root", "You are ChatGPT.", "system", ["q"]),
        "q": node("sys", "Where to go?", children=["a1", "a2"], create_time=1762989084.391352),
        "a1": node("q", "Oslo.", "assistant", ["after"]),
        "a2": node("q", "Bergen.", "assistant", ["thanks"], id="m-a2"),
        "after": node("a1", "Too far."),
        "thanks": node("a2", "Thanks!"),
    }
    assert only(tmp_path, mapping, "thanks") == Conversation(
        "c1",
        "Trip",
        (
            Message("user", "Where to go?", time="2025-11-12T23:11:24.391352+00:00", id="q"),
            Message("assistant", "Bergen.", id="m-a2"),
            Message("user", "Thanks!", id="thanks"),
        ),
    )


@pytest.mark.parametrize("current", [None, "gone"])
def test_without_a_current_node_the_last_of_the_deepest_branches_is_read(tmp_path, current):
    mapping = {
        "q": node(None, "one"),
        "a": node("q", "first answer", "assistant"),
        "b": node("q", "second answer", "assistant"),
        "c": node("b", "deeper"),
        "d": node("b", "as deep, and later"),
    }
    texts = [message.text for message in only(tmp_path, mapping, current).messages]
    assert texts == ["one", "second answer", "as deep, and later"]


def test_a_link_that_stands_on_one_side_alone_is_enough(tmp_path):
    mapping = {"q": node("dummy", "one", children=["n"]), "n": node(None, "two", "assistant")}
    assert [message.text for message in only(tmp_path, mapping).messages] == ["one", "two"]


def test_what_nobody_said_is_left_out(tmp_path):
    hidden = {"is_visually_hidden_from_conversation": True}
    silent = [
        node(text="You are ChatGPT.", role="system"),
        node(text="Be brief.", role="developer"),
        node(text="all files are loaded", role="tool", metadata=hidden),
        node(content={"content_type": "user_editable_context", "user_profile": "Nora"}),
        node(content={"content_type": "model_editable_context", "model_set_context": "1."}),
        node(content={"content_type": "thoughts", "thoughts": []}, role="assistant"),
        node(content={"content_type": "reasoning_recap", "content": "54s"}, role="assistant"),
        node(text="", role="assistant"),
        node(text=" \n", role="assistant"),
        node(content={"content_type": "text", "parts": None}),
        node(content={"content_type": "multimodal_text", "parts": [None, {}, ""]}),
    ]
    mapping = {"0": node(text="hello")}
    for number, one in enumerate(silent, start=1):
        mapping[str(number)] = {**one, "parent": str(number - 1)}
    mapping["n"] = node(str(len(silent)), "bye")
    assert [message.text for message in only(tmp_path, mapping).messages] == ["hello", "bye"]


def test_a_conversation_in_which_nothing_was_said_is_not_lost(tmp_path):
    export = [tree({}, None, "empty", None), linear("c2", "hi")]
    first, second = read_chatgpt(written(tmp_path, export))
    assert first == Conversation("empty", None, ())
    assert second.thread == "c2"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"content_type": "text", "parts": ["one", "two"]}, "one\ntwo"),
        ({"content_type": "code", "language": "python", "text": "print(1)"}, "print(1)"),
        ({"content_type": "execution_output", "text": "1"}, "1"),
        ({"content_type": "tether_quote", "url": "u", "title": "t", "text": "quoted"}, "quoted"),
        ({"content_type": "tether_browsing_display", "result": "found", "summary": None}, "found"),
        ({"content_type": "super_widget", "state": {"a": 1}}, "[super_widget]"),
        (
            {
                "content_type": "multimodal_text",
                "parts": [
                    {"content_type": "image_asset_pointer", "asset_pointer": "sediment://f1"},
                    "What is this?",
                ],
            },
            "[image]\nWhat is this?",
        ),
        (
            {
                "content_type": "multimodal_text",
                "parts": [
                    {"content_type": "audio_transcription", "text": "Good morning"},
                    {
                        "content_type": "real_time_user_audio_video_asset_pointer",
                        "audio_asset_pointer": {"asset_pointer": "sediment://f2"},
                    },
                    {"content_type": "hologram_pointer", "bytes": "AAAA"},
                ],
            },
            "Good morning\n[audio]\n[hologram_pointer]",
        ),
        ({"content_type": "text", "parts": ["cut \ud83d"]}, "cut \N{REPLACEMENT CHARACTER}"),
    ],
)
def test_words_are_read_and_what_is_no_text_is_named(tmp_path, content, text):
    assert one_message(tmp_path, content=content).text == text


def test_files_that_were_sent_along_are_named_once(tmp_path):
    content = {
        "content_type": "multimodal_text",
        "parts": [
            {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-1"},
            "Compare them.",
        ],
    }
    attachments = [
        {"id": "file-1", "name": "cat.png", "mimeType": "image/png"},
        {"id": "file-2", "name": "dogs.pdf"},
    ]
    message = one_message(tmp_path, content=content, metadata={"attachments": attachments})
    assert message.text == "[image: cat.png]\nCompare them.\n[file: dogs.pdf]"


def test_a_tool_is_called_and_answers(tmp_path):
    mapping = {
        "q": node(None, "How much is 6 * 7?"),
        "call": node(
            "q",
            role="assistant",
            content={"content_type": "code", "text": 'print("é", 6 * 7)'},
            recipient="python",
        ),
        "out": node(
            "call",
            role="tool",
            content={"content_type": "execution_output", "text": "é 42"},
            author={"name": "python"},
        ),
        "draw": node("out", '{"prompt": "a cat"}', "assistant", recipient="dalle.text2im"),
        "n": node("draw", "image", "function", author={"name": "dalle.text2im"}),
    }
    _, call, out, draw, image = only(tmp_path, mapping).messages
    assert (call.text, call.calls) == ("", (("python", '"print(\\"é\\", 6 * 7)"'),))
    assert (out.role, out.speaker, out.text) == ("tool", "python", "é 42")
    assert draw.calls == (("dalle.text2im", '{"prompt": "a cat"}'),)
    assert (image.role, image.speaker) == ("tool", "dalle.text2im")


def test_a_cut_emoji_in_a_title_is_mended(tmp_path):
    file = written(tmp_path, [tree({}, title="Trip \ud83d")])
    assert next(read_chatgpt(file)).title == "Trip \N{REPLACEMENT CHARACTER}"


def test_one_conversation_alone_is_read(tmp_path):
    (conversation,) = read_chatgpt(written(tmp_path, linear("c1", "hi"), "renamed.json"))
    assert conversation.messages[0].text == "hi"


@pytest.mark.parametrize("form", ["folder", "zip", "zip of a folder"])
def test_all_files_of_a_split_export_are_read_in_order(tmp_path, form):
    top = "export/" if form == "zip of a folder" else ""
    folder = tmp_path / "unpacked"
    for number in (1, 0, 2):
        name = f"{top}conversations-00{number}.json"
        written(folder, [linear(f"c{number}-{i}", "hi") for i in (0, 1)], name)
    written(folder, {"not": "read"}, f"{top}user.json")
    written(folder, [{"not": "read"}], f"{top}shared_conversations.json")
    written(folder, {"not": "read"}, f"{top}conversations.json.index")
    written(folder, {"not": "read"}, f"__MACOSX/{top}._conversations-000.json")
    path = folder
    if form != "folder":
        path = tmp_path / "export.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(folder.rglob("*.*"), reverse=True):
                archive.write(file, file.relative_to(folder))
    threads = [conversation.thread for conversation in read_chatgpt(str(path))]
    assert threads == ["c0-0", "c0-1", "c1-0", "c1-1", "c2-0", "c2-1"]


def test_a_long_branch_is_read(tmp_path):
    texts = [f"word {number}" for number in range(20_000)]
    (conversation,) = read_chatgpt(written(tmp_path, [linear("c1", *texts)]))
    assert [message.text for message in conversation.messages] == texts


def broken(**changes):
    return {**linear("bad", "hi"), **changes}


@pytest.mark.parametrize(
    ("conversation", "said"),
    [
        ("text", "valid dictionary"),
        (broken(mapping=None), "@ mapping, got None"),
        (broken(mapping={"n": 5}), "@ mapping/n, got 5"),
        (broken(mapping={"n": node(7, "hi")}), "@ mapping/n/parent, got 7"),
        (
            broken(mapping={"n": {"message": {"content": {}}}}),
            "Field required @ mapping/n/message/author",
        ),
        (
            broken(mapping={"n": node(None, "hi", create_time="soon")}),
            "@ mapping/n/message/create_time, got 'soon'",
        ),
        (
            broken(mapping={"n": node(None, "hi", create_time=float("nan"))}),
            "NaN values not permitted @ mapping/n/message/create_time",
        ),
        (
            broken(mapping={"a": node("b", "1"), "b": node("a", "2")}, current_node="a"),
            "run in a circle @ mapping/a",
        ),
        (broken(mapping={"a": node("b", "1"), "b": node("a", "2")}), "run in a circle"),
        (broken(id=None, conversation_id=None), "has no id"),
    ],
)
def test_a_broken_conversation_is_named_before_any_is_handed_out(tmp_path, conversation, said):
    written(tmp_path, [linear("c1", "hi")], "conversations-000.json")
    second = written(tmp_path, [linear("c2", "hi"), conversation], "conversations-001.json")
    with pytest.raises(InputError) as raised:
        read_chatgpt(tmp_path)
    message = str(raised.value)
    assert message.startswith(f"{second}: conversation 2")
    assert said in message
    if isinstance(conversation, dict):
        assert "'About bad'" in message


def damaged_zip(tmp_path):
    file = tmp_path / "export.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("conversations.json", json.dumps([linear("c1", "hi")]))
    return file, file.read_bytes()


def test_damaged_files_are_named(tmp_path):
    file, whole = damaged_zip(tmp_path)
    file.write_bytes(whole.replace(b"hi", b"ho", 1))
    with pytest.raises(InputError, match=r"export\.zip/conversations\.json: the archive is dam"):
        read_chatgpt(file)
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"export\.zip: this is no zip archive"):
        read_chatgpt(file)
    locked = bytearray(whole)
    locked[6] |= 1
    locked[whole.index(b"PK\x01\x02") + 8] |= 1
    file.write_bytes(locked)
    with pytest.raises(InputError, match=r"encrypted.*Unpack it"):
        read_chatgpt(file)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not JSON: Expecting value: line 1 column 1"),
        (b'[{"id": "c1",', "not JSON: .* column 14"),
        (b"\xff\xfe\xfd", "not JSON: .*can't decode"),
        (b"[" * 100_000, "JSON nested too deeply"),
        (b'{"a": 1}', "no list of conversations, but {'a': 1}"),
    ],
)
def test_a_file_that_is_no_export_is_refused(tmp_path, content, said):
    file = tmp_path / "conversations.json"
    file.write_bytes(content)
    with pytest.raises(InputError, match=rf"conversations\.json: {said}"):
        read_chatgpt(file)


def test_a_path_without_an_export_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"gone\.zip: No such file"):
        read_chatgpt(tmp_path / "gone.zip")
    with pytest.raises(InputError, match=r"there is no conversations\.json in it"):
        read_chatgpt(tmp_path)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("user.json", "{}")
    with pytest.raises(InputError, match=r"other\.zip: there is no conversations\.json in it"):
        read_chatgpt(tmp_path / "other.zip")


@st.composite
def trees(draw):
    """Trees of nodes: some without a message, some hidden; named and listed in any order."""
    size = draw(st.integers(1, 25))
    names = draw(st.permutations([f"n{number}" for number in range(size)]))
    mapping = {}
    for number, name in enumerate(names):
        parent = names[draw(st.integers(0, number - 1))] if number else None
        hidden = {"is_visually_hidden_from_conversation": draw(st.booleans())}
        text = draw(st.sampled_from([None, "", "yes"]))
        mapping[name] = node(parent, text and f"{text} {name}", metadata=hidden)
    for name, one in mapping.items():
        if one["parent"]:
            mapping[one["parent"]]["children"].append(name)
    listed = draw(st.permutations(sorted(mapping)))
    current = draw(st.none() | st.sampled_from(names))
    return {name: mapping[name] for name in listed}, current


def ancestors(mapping, name):
    while name:
        yield name
        name = mapping[name]["parent"]


@given(trees())
@settings(max_examples=200, deadline=None)
def test_a_branch_keeps_its_order_and_no_message_comes_twice(given_tree):
    mapping, current = given_tree
    with tempfile.TemporaryDirectory() as folder:
        said = [message.id for message in only(folder, mapping, current).messages]

    def is_said(name):
        message = mapping[name]["message"]
        return (
            message
            and message["content"]["parts"][0]
            and not message["metadata"]["is_visually_hidden_from_conversation"]
        )

    deepest = max(len(list(ancestors(mapping, name))) for name in mapping)
    ends = [current] if current else [n for n in mapping if not mapping[n]["children"]]
    branches = [list(ancestors(mapping, end))[::-1] for end in ends]
    expected = [
        [name for name in branch if is_said(name)]
        for branch in branches
        if current or len(branch) == deepest
    ]
    assert said in expected
    assert len(said) == len(set(said))


NODE_KEYS = ["id", "author", "content", "content_type", "parts", "text", "attachments", "name"]
KEYS = [*NODE_KEYS, "mapping", "message", "metadata", "memory", "created_at", "results"]

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=12,
)


def read_or_refused(reader, file):
    """What was read, and the file; or nothing, and what the error says."""
    try:
        return list(reader(file)), str(file)
    except InputError as error:
        return [], str(error)


@given(
    st.fixed_dictionaries({}, optional={"author": st.just({"role": "user"}), "content": anything}),
    anything,
    anything,
)
@settings(max_examples=200, deadline=None)
def test_whatever_stands_in_a_file_is_read_or_refused(message, metadata, whole):
    message = {**message, "metadata": metadata}
    with tempfile.TemporaryDirectory() as folder:
        for found in (whole, [whole], [tree({"n": {"message": message}}, "n")]):
            read, refused = read_or_refused(read_chatgpt, written(folder, found))
            assert all(one.thread for one in read)
            assert folder in refused


# --- mem0 ----------------------------------------------------------------------------------

# What mem0 2.2 writes; 1.x makes the same table. Both were seen with their own SQLiteManager.
TABLE = """
    CREATE TABLE history (
        id TEXT PRIMARY KEY, memory_id TEXT, old_memory TEXT, new_memory TEXT, event TEXT,
        created_at DATETIME, updated_at DATETIME, is_deleted INTEGER, actor_id TEXT, role TEXT
    )
"""
# What mem0 0.1 made before it knew actors.
OLD_TABLE = """
    CREATE TABLE history (
        id TEXT PRIMARY KEY, memory_id TEXT, old_memory TEXT, new_memory TEXT, new_value TEXT,
        event TEXT, created_at DATETIME, updated_at DATETIME, is_deleted INTEGER
    )
"""
COLUMNS = "id, memory_id, old_memory, new_memory, event, created_at, updated_at, is_deleted"


def history(folder, rows, table=TABLE, name="history.db"):
    """Write mem0's history: rows of (memory_id, old, new, event, created_at, updated_at, ...)."""
    file = Path(folder, name)
    more = ", actor_id, role" if table is TABLE else ""
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(table)
        for number, (memory, old, new, event, created, updated, *actor) in enumerate(rows):
            # Ids of rows are random in mem0: their order says nothing.
            values = [f"{-number % 7}-{number}", memory, old, new, event, created, updated]
            values += [int(event == "DELETE"), *(actor or [None, None] if more else [])]
            marks = ", ".join("?" * len(values))
            connection.execute(f"INSERT INTO history ({COLUMNS}{more}) VALUES ({marks})", values)
    return file


MADE, CHANGED = "2026-11-21T05:15:49.914247+00:00", "2026-11-21T05:15:52.916040+00:00"


def test_a_history_tells_what_happened_to_each_memory(tmp_path):
    file = history(
        tmp_path,
        [
            ("a", None, "Likes tea", "ADD", MADE, MADE, "nora", "user"),
            ("b", None, "Lives in Oslo", "ADD", MADE, None),
            ("a", "Likes tea", "Likes green tea", "UPDATE", MADE, CHANGED, "nora", "user"),
            ("a", "Likes green tea", None, "DELETE", MADE, CHANGED, "nora", "user"),
        ],
    )
    assert list(read_mem0(file)) == [
        Mem0Memory(
            "a",
            (
                Mem0Event("ADD", "Likes tea", MADE, "nora", "user"),
                Mem0Event("UPDATE", "Likes green tea", CHANGED, "nora", "user"),
                Mem0Event("DELETE", None, CHANGED, "nora", "user"),
            ),
        ),
        Mem0Memory("b", (Mem0Event("ADD", "Lives in Oslo", MADE),)),
    ]


@pytest.mark.parametrize("table", [TABLE, OLD_TABLE], ids=["since 0.1.100", "before"])
def test_a_history_of_an_older_mem0_keeps_its_order_and_its_times_become_utc(tmp_path, table):
    california = "2024-12-31T20:00:00.123456-08:00"
    rows = [
        ("a", None, "Likes tea", "ADD", california, None),
        ("a", "Likes tea", "Likes coffee", "UPDATE", california, "2025-01-02T20:00:00-08:00"),
        ("a", "Likes coffee", None, "DELETE", None, None),
    ]
    (memory,) = read_mem0(history(tmp_path, rows, table))
    assert [(event.action, event.at) for event in memory.events] == [
        ("ADD", "2025-01-01T04:00:00.123456+00:00"),
        ("UPDATE", "2025-01-03T04:00:00+00:00"),
        ("DELETE", None),
    ]


def test_a_history_is_found_where_mem0_writes_it(tmp_path, monkeypatch):
    own = tmp_path / "home" / ".mem0"
    own.mkdir(parents=True)
    history(own, [("own", None, "Likes tea", "ADD", MADE, None)])
    history(tmp_path, [("set", None, "Likes tea", "ADD", MADE, None)])
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.delenv("MEM0_DIR", raising=False)
    assert [memory.id for memory in read_mem0()] == ["own"]
    assert [memory.id for memory in read_mem0("~/.mem0")] == ["own"]
    monkeypatch.setenv("MEM0_DIR", str(tmp_path))
    assert [memory.id for memory in read_mem0()] == ["set"]


def test_a_history_stays_as_it_is_also_while_mem0_has_it_open(tmp_path):
    folder = tmp_path / "100% mine? #1"
    folder.mkdir()
    file = history(folder, [("a", None, "Likes tea", "ADD", MADE, None)])
    os.utime(file, (1, 1))
    before = file.read_bytes()
    with closing(sqlite3.connect(file)) as mem0:
        mem0.execute("BEGIN")
        assert mem0.execute("SELECT count(*) FROM history").fetchone() == (1,)
        assert [memory.id for memory in read_mem0(file)] == ["a"]
    assert file.read_bytes() == before
    assert file.stat().st_mtime == 1
    assert [path.name for path in folder.iterdir()] == ["history.db"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("b", None, "x", "FORGET", MADE, None), "@ event, got 'FORGET'"),
        ((None, None, "x", "ADD", MADE, None), "@ memory_id, got None"),
        (("b", None, "x", "ADD", "soon", None), "@ created_at, got 'soon'"),
        (("b", None, "x", "ADD", "0001-01-01T00:00:00+10:00", None), "out of range @ created_at"),
        (("b", "x", None, "UPDATE", MADE, MADE), "UPDATE of memory 'b' without a text"),
    ],
)
def test_a_broken_row_of_a_history_is_named(tmp_path, row, said):
    file = history(tmp_path, [("a", None, "Likes tea", "ADD", MADE, None), row])
    with pytest.raises(InputError) as raised:
        read_mem0(file)
    assert str(raised.value).startswith(f"{file}: row 2 of 'history'")
    assert said in str(raised.value)


def test_a_file_that_is_no_history_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"history\.db: No such file"):
        read_mem0(tmp_path)
    file = tmp_path / "history.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE messages (id TEXT)")
    with pytest.raises(InputError, match="no such table: history"):
        read_mem0(file)
    file.write_bytes(b"SQLite format 3\x00" + b"\xff" * 200)
    with pytest.raises(InputError, match=r"history\.db: not readable as mem0's history"):
        read_mem0(tmp_path)


@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.sampled_from(["ADD", "UPDATE", "DELETE"])),
        max_size=30,
    )
)
@settings(max_examples=50, deadline=None)
def test_events_of_a_memory_come_in_the_order_they_were_written(events):
    rows = [
        (memory, None, None if event == "DELETE" else f"text {number}", event, MADE, None)
        for number, (memory, event) in enumerate(events)
    ]
    with tempfile.TemporaryDirectory() as folder:
        read = {memory.id: memory.events for memory in read_mem0(history(folder, rows))}
    assert list(read) == list(dict.fromkeys(memory for memory, _ in events))
    for memory, happened in read.items():
        told = [(row[3], row[2]) for row in rows if row[0] == memory]
        assert [(event.action, event.text) for event in happened] == told


ANSWER = [
    {
        "id": "m1",
        "memory": "Lives in Bergen",
        "hash": "934661703303caaebe75fdc44ad99029",
        "metadata": {"topic": "home"},
        "created_at": "2026-11-20T22:15:49.914247-07:00",
        "updated_at": CHANGED,
        "user_id": "nora",
        "agent_id": 7,
        "run_id": "r1",
        "actor_id": "nora",
        "role": "user",
    },
    {"id": "m2", "memory": "Likes tea", "metadata": None, "created_at": MADE, "updated_at": None},
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("whole", [{"count": 2, "next": None, "results": ANSWER}, ANSWER])
def test_an_answer_of_mem0_tells_each_memory_as_it_is(tmp_path, whole, encoding):
    file = tmp_path / "memories.json"
    file.write_text(json.dumps(whole), encoding=encoding)
    assert list(read_mem0(file)) == [
        Mem0Memory(
            "m1",
            (Mem0Event("ADD", "Lives in Bergen", CHANGED, "nora", "user"),),
            user_id="nora",
            agent_id="7",
            run_id="r1",
            metadata={"topic": "home"},
        ),
        Mem0Memory("m2", (Mem0Event("ADD", "Likes tea", MADE),)),
    ]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"memory": "x"}, "no list of memories, but {'memory': 'x'}"),
        ({"results": None}, "no list of memories"),
        ([*ANSWER, 5], "memory 3 cannot be read"),
        ([{"id": "m1"}], "memory 1 cannot be read: Field required @ memory"),
        ([ANSWER[0], ANSWER[0]], "memory 2 has the id 'm1' of one before it"),
    ],
)
def test_a_broken_answer_is_named(tmp_path, found, said):
    file = written(tmp_path, found, "memories.json")
    with pytest.raises(InputError) as raised:
        read_mem0(file)
    assert str(raised.value).startswith(f"{file}: {said}")


def test_a_file_that_is_neither_is_refused(tmp_path):
    file = tmp_path / "memories.json"
    file.write_text("likes tea")
    with pytest.raises(InputError, match=r"memories\.json: not JSON: .* Give mem0's history\.db"):
        read_mem0(file)


@given(anything)
@settings(max_examples=100, deadline=None)
def test_whatever_stands_in_an_answer_is_read_or_refused(found):
    with tempfile.TemporaryDirectory() as folder:
        for whole in (found, [found], {"results": [found]}):
            file = written(folder, whole, "memories.json")
            read, refused = read_or_refused(read_mem0, file)
            assert all(memory.events for memory in read)
            assert folder in refused
