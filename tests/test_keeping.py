"""Without a model: each message is kept once, verbatim, and found again."""

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.store.memory import InMemoryStore

from holdfast import create_memory_store_manager, open_store, recall
from holdfast.errors import ConfigurationError
from holdfast.journal import overlap
from holdfast.ledger import Ledger

NS = ("j",)


def keeper(store):
    return create_memory_store_manager(None, namespace=NS, store=store)


def in_thread(thread):
    return {"configurable": {"thread_id": thread}}


def contents_of(store):
    """Messages stand in the journal of a store that has one, else among the items."""
    if isinstance(store, Ledger):
        return [entry.content for entry in store.journal(NS, limit=10_000)]
    return [item.value["content"] for item in store.search(NS, limit=10_000)]


def kept(store, thread=None):
    contents = contents_of(store)
    contents = [c for c in contents if thread is None or c["thread"] == thread]
    return [c["text"] for c in sorted(contents, key=lambda c: c["seq"])]


def said(*texts):
    return [("user", text) for text in texts]


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_messages_keep_speaker_time_thread_and_words(store, how):
    text = "  Ines \n isn't </message> allergic… 日本 🥜 "
    message = {"role": "user", "content": text, "name": "Nora", "time": "2026-02-02T08:14:00Z"}
    given = {"messages": [message, ("ai", "Noted")]}
    if how == "sync":
        puts = keeper(store).invoke(given, in_thread("t1"))
    else:
        puts = await keeper(store).ainvoke(given, in_thread("t1"))
    first = puts[0]["value"]
    assert first["content"] in contents_of(store)
    assert first["kind"] == "Message"
    assert first["content"] == {
        "role": "user",
        "text": text,
        "speaker": "Nora",
        "time": "2026-02-02T08:14:00Z",
        "thread": "t1",
        "seq": 1,
    }
    (found, *_) = recall("allergic", NS, store=store)
    assert (found.text, found.speaker, found.time) == (text, "Nora", "2026-02-02T08:14:00Z")
    assert puts.receipt.usage.model_calls == 0


@pytest.mark.parametrize(
    ("first", "then", "expected"),
    [
        ("ab", "ab", "ab"),  # the same again
        ("ab", "abc", "abc"),  # the whole conversation, grown
        ("abcd", "cde", "abcde"),  # a window that moved on
        ("ab", "cd", "abcd"),  # only what is new
        ("abc", "ab", "abcab"),  # said again, after something else
        ("a", "aa", "aa"),  # grown by the same words
        ("aa", "aab", "aab"),
        ("aba", "ababa", "ababa"),
        ("ab", "", "ab"),
    ],
)
def test_what_overlaps_with_the_threads_end_is_the_same(store, first, then, expected):
    manager = keeper(store)
    manager.invoke({"messages": said(*first)}, in_thread("t"))
    again = manager.invoke({"messages": said(*then)}, in_thread("t"))
    assert "".join(kept(store)) == expected
    receipt = again.receipt
    assert len(receipt.inserted) == len(expected) - len(first)
    assert len(receipt.unchanged) == len(then) - len(receipt.inserted)


def test_instructions_in_front_of_every_call_count_once(store):
    manager = keeper(store)
    manager.invoke({"messages": said("a", "b")}, in_thread("t"))
    for _ in range(2):
        given = [("system", "Be brief."), *said("a", "b", "c")]
        manager.invoke({"messages": given}, in_thread("t"))
    assert sorted(kept(store)) == ["Be brief.", "a", "b", "c"]


def test_threads_that_hand_over_one_conversation_double_nothing(store):
    manager = keeper(store)
    talk = said(*(f"message {n}" for n in range(30)))

    def work():
        manager.invoke({"messages": talk}, in_thread("t"))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept(store)) == 30


def test_threads_and_namespaces_are_apart(store):
    manager = keeper(store)
    for thread in ("one", "two"):
        manager.invoke({"messages": said("hi")}, in_thread(thread))
    below = create_memory_store_manager(None, namespace=(*NS, "below"), store=store)
    below.invoke({"messages": said("hi", "hi")}, in_thread("one"))
    manager.invoke({"messages": said("hi")}, in_thread("one"))
    assert kept(store, "one") == ["hi"] * 3
    assert kept(store, "two") == ["hi"]


def test_without_a_thread_the_same_call_again_adds_nothing(store):
    manager = keeper(store)
    for _ in range(2):
        manager.invoke({"messages": said("hi", "there")})
    manager.invoke({"messages": said("hi", "there", "again")})
    assert len(kept(store)) == 5


def test_a_message_with_an_id_is_known_by_it(store):
    manager = keeper(store)
    one = {"role": "user", "content": "hi", "id": "m-1"}
    manager.invoke({"messages": [one]}, in_thread("t"))
    manager.invoke({"messages": [{"role": "ai", "content": "x", "id": "m-2"}, one]}, in_thread("t"))
    manager.invoke({"messages": [{**one, "id": "m-3"}]}, in_thread("t"))
    assert sorted(kept(store)) == ["hi", "hi", "x"]


def test_growing_calls_without_a_thread_know_messages_by_their_ids(store):
    manager = keeper(store)
    messages = [{"role": "user", "content": str(n), "id": f"id-{n}"} for n in range(4)]
    for end in (2, 4):
        manager.invoke({"messages": messages[:end]})
    assert len(kept(store)) == 4


def test_other_words_under_the_same_id_lose_nothing(store):
    manager = keeper(store)
    for text in ("first", "edited"):
        manager.invoke({"messages": [{"role": "user", "content": text, "id": "m"}]}, in_thread("t"))
    assert kept(store) == ["first", "edited"]


def test_messages_with_and_without_ids_may_be_mixed(store):
    manager = keeper(store)
    mixed = [("user", "a"), {"role": "ai", "content": "b", "id": "2"}, ("user", "c")]
    manager.invoke({"messages": mixed[:2]}, in_thread("t"))
    manager.invoke({"messages": mixed}, in_thread("t"))
    assert kept(store) == ["a", "b", "c"]


def test_calls_of_tools_are_kept_and_nothing_said_is_told(store):
    call = {"id": "1", "type": "function", "function": {"name": "find", "arguments": '{"q": 1}'}}
    messages = [{"role": "assistant", "content": None, "tool_calls": [call]}, ("user", "")]
    puts = keeper(store).invoke({"messages": messages}, in_thread("t"))
    assert puts[0]["value"]["content"]["calls"] == [{"tool": "find", "arguments": '{"q": 1}'}]
    assert [c.reason for c in puts.receipt.rejected] == ["nothing was said @ messages/1"]
    again = keeper(store).invoke({"messages": messages}, in_thread("t"))
    assert again == []


def test_calls_of_different_tools_are_different_messages(store):
    def call(name):
        function = {"name": name, "arguments": "{}"}
        return {"role": "assistant", "content": None, "tool_calls": [{"function": function}]}

    manager = keeper(store)
    for messages in ([call("one")], [call("two")], [call("two")], [call("two"), call("one")]):
        manager.invoke({"messages": messages}, in_thread("t"))
    in_order = sorted(contents_of(store), key=lambda content: content["seq"])
    assert [content["calls"][0]["tool"] for content in in_order] == ["one", "two", "one"]


def test_what_others_store_as_messages_does_no_harm(store):
    store.put(NS, "theirs", {"kind": "Message", "thread": "t", "content": "a text"})
    keeper(store).invoke({"messages": said("hi")}, in_thread("t"))
    assert store.get(NS, "theirs").value["content"] == "a text"
    assert [c["text"] for c in contents_of(store) if c != "a text"] == ["hi"]


def overlap_by_trying(before, coming):
    sizes = range(min(len(before), len(coming)), 0, -1)
    return next((n for n in sizes if before[-n:] == coming[:n]), 0)


@given(st.lists(st.sampled_from("ab")), st.lists(st.sampled_from("ab")))
def test_the_overlap_is_the_longest(before, coming):
    assert overlap(before, coming) == overlap_by_trying(before, coming)


@pytest.mark.parametrize("make", [InMemoryStore, lambda: open_store(":memory:")])
@settings(max_examples=40, deadline=None)
@given(texts=st.lists(st.sampled_from(["yes", "no", "hm"]), max_size=12), data=st.data())
def test_any_conversation_handed_over_whole_and_growing_is_kept_exactly(make, texts, data):
    manager = keeper(store := make())
    ends = sorted(data.draw(st.lists(st.integers(0, len(texts)), max_size=4)))
    for end in (*ends, len(texts)):
        manager.invoke({"messages": said(*texts[:end])}, in_thread("t"))
    assert kept(store) == texts


def test_a_long_thread_is_read_whole():
    with open_store(":memory:") as store:
        manager = keeper(store)
        talk = said(*(f"message {n}" for n in range(2_100)))
        manager.invoke({"messages": talk}, in_thread("t"))
        again = manager.invoke({"messages": [*talk[2_000:], ("user", "new")]}, in_thread("t"))
        assert len(again) == 1
        assert again[0]["value"]["content"]["seq"] == 2_101


@pytest.mark.parametrize("thread", ["cut \ud83d", "mon\x00day"])
def test_a_thread_that_no_store_can_name_is_refused(store, thread):
    with pytest.raises(ConfigurationError, match="thread_id"):
        keeper(store).invoke({"messages": said("a")}, in_thread(thread))
    assert kept(store) == []
