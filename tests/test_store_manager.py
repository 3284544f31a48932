"""The stateful manager: what LangMem promises, and each defect of it that users hit."""

import asyncio
import threading

import pytest
from langgraph.store.base import Item, SearchItem
from langgraph.store.memory import InMemoryStore
from pydantic import BaseModel

from holdfast import (
    ConfigurationError,
    Memory,
    create_memory_store_enricher,
    create_memory_store_manager,
    open_store,
    recall,
)
from holdfast.errors import InputError
from holdfast.ledger import Ledger
from holdfast.testing import ScriptedModel

NS = ("memories", "nora")
CONFIG = {"configurable": {"user_id": "nora"}}
HELLO = [{"role": "user", "content": "I love ramen"}]
RAMEN = [("Memory", {"content": "Nora loves ramen"})]


class Profile(BaseModel):
    name: str
    tone: str = "plain"


class Counting(InMemoryStore):
    """A store that tells what it was asked."""

    def __init__(self):
        super().__init__()
        self.batches = []

    def batch(self, ops):
        ops = list(ops)
        self.batches.append(ops)
        return super().batch(ops)

    async def abatch(self, ops):
        ops = list(ops)
        self.batches.append(ops)
        return await super().abatch(ops)


def manager_of(store, *replies, **options):
    model = ScriptedModel(list(replies))
    options = {"namespace": ("memories", "{user_id}"), "store": store, **options}
    return create_memory_store_manager(model, **options), model


async def invoke(manager, how, messages=HELLO, **given):
    if how == "sync":
        return manager.invoke({"messages": messages, **given}, CONFIG)
    return await manager.ainvoke({"messages": messages, **given}, CONFIG)


HOW = pytest.mark.parametrize("how", ["sync", "async"])


# What LangMem promises


@HOW
async def test_a_memory_is_put_and_returned_with_the_receipt(store, how):
    manager, _ = manager_of(store, RAMEN)
    puts = await invoke(manager, how)
    value = {"kind": "Memory", "content": {"content": "Nora loves ramen"}}
    (item,) = store.search(NS)
    assert puts == [{"namespace": NS, "key": item.key, "value": value}]
    assert item.value == value
    assert puts.receipt.inserted[0].key == item.key
    assert puts.receipt.namespace == NS
    assert puts.receipt.usage.model_calls == 1


@HOW
async def test_a_known_memory_is_updated_and_deleted_in_place(store, how):
    store.put(NS, "a", {"kind": "Memory", "content": {"content": "loves ramen"}})
    store.put(NS, "b", {"kind": "Memory", "content": {"content": "loves pasta"}})

    def answer(request):
        said = request.messages[1].content
        ids = {
            word: said.split(f'loves {word}"')[0].split('id="')[-1][:2]
            for word in ("ramen", "pasta")
        }
        return [
            ("PatchDoc", {"json_doc_id": ids["ramen"], "op": "replace", "path": "content",
                          "value": "loves miso ramen"}),
            ("RemoveDoc", {"json_doc_id": ids["pasta"]}),
        ]  # fmt: skip

    options = {"namespace": ("memories", "{user_id}"), "store": store, "enable_deletes": True}
    manager = create_memory_store_manager(ScriptedModel(answer), **options)
    puts = await invoke(manager, how)
    assert [put["key"] for put in puts] == ["a"]
    assert [c.key for c in puts.receipt.deleted] == ["b"]
    assert store.get(NS, "b") is None
    assert store.get(NS, "a").value["content"] == {"content": "loves miso ramen"}


def test_await_call_and_the_older_names_do_the_same():
    store = InMemoryStore()
    model = ScriptedModel([RAMEN, RAMEN])
    enricher = create_memory_store_enricher(model, store=store, namespace_prefix=("memories",))

    async def both():
        return await enricher(HELLO), await enricher.manage_memories(HELLO, CONFIG)

    first, second = asyncio.run(both())
    assert len(first) == 1
    assert (second, len(second.receipt.unchanged)) == ([], 1)


@HOW
async def test_phases_go_over_what_is_known_then(store, how):
    store.put(NS, "a", {"content": "likes noodles"})
    merge = [
        ("PatchDoc", {"json_doc_id": "m1", "op": "replace", "path": "content", "value": "merged"}),
        ("RemoveDoc", {"json_doc_id": "m2"}),
    ]
    phases = [{"instructions": "Merge them.", "enable_inserts": False}, {"include_messages": True}]
    manager, model = manager_of(store, RAMEN, merge, [], phases=phases)
    puts = await invoke(manager, how)
    assert [item.value for item in store.search(NS)] == [{"content": "merged"}]
    assert [c.action for c in puts.receipt.changes] == ["updated"]
    texts = [request.messages[1].content for request in model.requests]
    assert ["I love ramen" in text for text in texts] == [True, False, True]
    assert "Merge them." in model.requests[1].messages[0].content
    assert puts.receipt.usage.model_calls == 3


def test_direct_access_gives_instances_and_decoded_labels(store):
    manager, _ = manager_of(store, schemas=[Profile])
    config = {"configurable": {"user_id": "nora@mail.example"}}
    manager.put("p", Profile(name="Nora"), config=config)
    manager.put("raw", {"any": "thing about tea"}, config=config)
    item = manager.get("p", config=config)
    assert type(item) is Item
    assert item.value == Profile(name="Nora")
    assert item.namespace == ("memories", "nora@mail.example")
    assert store.get(("memories", "nora@mail%2Eexample"), "p").value["kind"] == "Profile"
    assert {i.key for i in manager.search(config=config)} == {"p", "raw"}
    assert manager.search(filter={"kind": "Profile"}, config=config)[0].value.name == "Nora"
    manager.delete("p", config)
    assert manager.get("p", config=config) is None
    with pytest.raises(InputError, match="a dict or an instance of Profile"):
        manager.put("x", "text", config=config)


async def test_direct_access_is_the_same_when_awaited(store):
    manager, _ = manager_of(store, schemas=[Profile])
    await manager.aput("p", Profile(name="Nora"), config=CONFIG)
    found = await manager.asearch(query="Nora", limit=1, config=CONFIG)
    assert (await manager.aget("p", config=CONFIG)).value == found[0].value == Profile(name="Nora")
    assert isinstance(found[0], SearchItem)
    await manager.adelete("p", CONFIG)
    assert await manager.aget("p", config=CONFIG) is None


def test_a_stored_value_that_no_longer_fits_its_schema_is_shown_as_it_is(store):
    store.put(NS, "old", {"kind": "Profile", "content": {"nick": "N"}})
    manager, _ = manager_of(store, schemas=[Profile])
    assert manager.get("old", config=CONFIG).value == {"kind": "Profile", "content": {"nick": "N"}}


# Defaults


def test_get_default_without_a_default_is_none(store):
    manager, _ = manager_of(store)
    assert manager.get("default", config=CONFIG) is None
    assert manager.search(config=CONFIG) == []


@pytest.mark.parametrize(
    "default", ["Be brief.", {"content": "Be brief."}, Memory(content="Be brief.")]
)
def test_a_default_is_known_until_something_is(store, default):
    edit = [
        ("PatchDoc", {"json_doc_id": "m1", "op": "replace", "path": "content", "value": "Be kind."})
    ]
    manager, model = manager_of(store, edit, [], default=default)
    assert manager.get("default", config=CONFIG).value == Memory(content="Be brief.")
    assert manager.search(config=CONFIG)[0].key == "default"
    assert store.search(NS) == []
    puts = manager.invoke({"messages": HELLO}, CONFIG)
    assert "Be brief." in model.requests[0].messages[1].content
    assert [(put["key"], put["value"]["content"]["content"]) for put in puts] == [
        ("default", "Be kind.")
    ]
    assert manager.get("default", config=CONFIG).value == Memory(content="Be kind.")
    manager.invoke({"messages": HELLO}, CONFIG)
    assert "Be kind." in model.requests[1].messages[1].content


def test_a_default_is_stored_even_when_the_model_changes_nothing(store):
    factory_saw = []

    def factory(config):
        factory_saw.append(config["configurable"]["user_id"])
        return "Be brief."

    manager, _ = manager_of(store, [], default_factory=factory)
    puts = manager.invoke({"messages": HELLO}, CONFIG)
    assert store.get(NS, "default").value["content"] == {"content": "Be brief."}
    assert [c.action for c in puts.receipt.changes] == ["inserted"]
    assert factory_saw == ["nora"]


def test_a_default_that_the_model_removes_is_not_stored(store):
    manager, _ = manager_of(
        store, [("RemoveDoc", {"json_doc_id": "m1"})], default="x", enable_deletes=True
    )
    assert manager.invoke({"messages": HELLO}, CONFIG) == []
    assert store.search(NS) == []


def test_a_default_profile_is_the_profile(store):
    edit = [
        ("PatchDoc", {"json_doc_id": "m1", "op": "replace", "path": "/tone", "value": "pirate"})
    ]
    manager, _ = manager_of(
        store, [], edit, schemas=[Profile], default=Profile(name="?"), enable_inserts=False
    )
    manager.invoke({"messages": HELLO}, CONFIG)
    manager.invoke({"messages": HELLO}, CONFIG)
    (item,) = store.search(NS)
    assert (item.key, item.value["content"]) == ("default", {"name": "?", "tone": "pirate"})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"default": "x", "default_factory": lambda config: "y"}, "not both"),
        ({"default": {"no": "fit"}}, "fits none of the schemas: Memory"),
        ({"default": Profile(name="n")}, "fits none"),
        ({"query_limit": 0}, "query_limit must be a number from 1"),
        ({"phases": [{"instruction": "typo"}]}, r"unknown keys \['instruction'\]"),
        ({"namespace": ()}, "none empty"),
        ({"schemas": [3]}, "cannot be the schema"),
        ({"schemas": Profile}, "must be a list of schemas"),
        ({"query_limit": "5"}, "query_limit must be a number"),
        ({"namespace": None}, "must be a tuple of texts"),
        ({"instructions": 5}, "instructions must be a text"),
        ({"max_repairs": "1"}, "max_repairs must be a number"),
        ({"max_repairs": -1}, "max_repairs must be a number"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_once(options, said):
    with pytest.raises(ConfigurationError, match=said):
        create_memory_store_manager(ScriptedModel([]), **options)


def test_both_names_of_the_namespace_are_refused():
    with pytest.raises(ConfigurationError, match="not both"):
        create_memory_store_enricher(None, namespace=("a",), namespace_prefix=("b",))


# What users of LangMem hit


@HOW
@pytest.mark.parametrize("limit", [1, 2, 3, 5, 8])
async def test_the_look_up_is_one_batch_and_honours_the_limit(how, limit):
    store = Counting()
    for number in range(7):
        store.put(NS, f"k{number}", {"content": f"memory {number}"})
    store.batches.clear()
    manager, model = manager_of(store, [], query_limit=limit)
    await invoke(manager, how)
    assert len(store.batches) == 1
    assert model.requests[0].messages[1].content.count("<memory") == min(limit, 7)


@HOW
async def test_an_error_of_the_store_reaches_the_caller(how):
    class Full(InMemoryStore):
        def batch(self, ops):
            ops = list(ops)
            if any(hasattr(op, "value") for op in ops):
                raise OSError("disk full")
            return super().batch(ops)

        async def abatch(self, ops):
            return self.batch(ops)

    manager, _ = manager_of(Full(), RAMEN)
    with pytest.raises(OSError, match="disk full"):
        await invoke(manager, how)


@HOW
@pytest.mark.parametrize(
    "value",
    [
        {"content": "plain text"},
        {"kind": "Memory", "content": "plain text"},
        {"kind": "Profile", "content": {"name": 7, "extra": []}},
        {"kind": 7, "content": {"a": 1}},
        {"any": "dict"},
        {"content": ["a", "list"]},
        {},
    ],
)
async def test_what_others_wrote_does_no_harm_and_keeps_its_form(store, how, value):
    store.put(NS, "theirs", value)
    edit = [
        ("PatchDoc", {"json_doc_id": "m1", "op": "replace", "path": "/content", "value": "new"}),
        ("Memory", {"content": "mine"}),
    ]
    manager, _ = manager_of(store, edit)
    puts = await invoke(manager, how)
    assert len(store.search(NS)) == 2
    assert not puts.receipt.rejected
    changed = store.get(NS, "theirs").value
    if isinstance(value.get("content"), str):
        assert changed == {**value, "content": "new"}
    manager.search(config=CONFIG)


@HOW
async def test_the_same_conversation_twice_adds_nothing(store, how):
    manager, _ = manager_of(store, RAMEN, [("Memory", {"content": " Nora loves  ramen"})])
    await invoke(manager, how)
    again = await invoke(manager, how)
    assert (again, [c.action for c in again.receipt.changes]) == ([], ["unchanged"])
    assert len(store.search(NS)) == 1


@HOW
async def test_the_same_said_again_is_known_even_when_the_look_up_missed_it(store, how):
    manager, _ = manager_of(store, RAMEN, RAMEN, query_limit=1)
    await invoke(manager, how)
    store.put(NS, "newer", {"content": "I love ramen and this newer text says ramen"})
    again = await invoke(manager, how)
    assert [c.action for c in again.receipt.changes] == ["unchanged"]
    assert len(store.search(NS)) == 2


def test_what_changed_since_is_not_overwritten_by_the_older_words(store):
    edit = [
        ("PatchDoc", {"json_doc_id": "m1", "op": "replace", "path": "content", "value": "Now soba"})
    ]
    manager, _ = manager_of(store, RAMEN, edit, RAMEN)
    for _ in range(3):
        manager.invoke({"messages": HELLO}, CONFIG)
    said = sorted(item.value["content"]["content"] for item in store.search(NS))
    assert said == ["Nora loves ramen", "Now soba"]


@HOW
async def test_words_that_do_not_match_still_meet_the_newest_memories(how):
    with open_store(":memory:") as store:
        for text in ("enjoys noodles", "has a dog"):
            store.put(NS, text, {"content": text})
        manager, model = manager_of(store, [])
        await invoke(manager, how)
        assert "enjoys noodles" in model.requests[0].messages[1].content


def test_the_newest_fill_up_even_in_a_store_without_an_order_of_time():
    store = InMemoryStore()
    for number in range(250):
        store.put(NS, str(number), {"content": f"item {number}"})
    manager, model = manager_of(store, [], query_limit=2)
    manager.invoke({"messages": HELLO}, CONFIG)
    said = model.requests[0].messages[1].content
    assert "item 249" in said
    assert "item 248" in said


def test_the_whole_stretch_of_conversation_is_looked_up(store):
    store.put(NS, "zz", {"content": "Ines is allergic to peanuts"})
    for number in range(20):
        store.put(NS, f"later {number}", {"content": f"unrelated {number}"})
    manager, model = manager_of(store, [], query_limit=2)
    talk = [("user", "Can Ines eat peanuts?"), ("ai", "Let me see."), *[("user", "Hm.")] * 5]
    manager.invoke({"messages": talk}, CONFIG)
    assert "allergic to peanuts" in model.requests[0].messages[1].content


def test_a_very_long_stretch_is_one_bounded_query():
    store = Counting()
    manager, _ = manager_of(store, [])
    manager.invoke({"messages": [("user", "word " * 10_000), ("user", "needle")]}, CONFIG)
    query = store.batches[0][0].query
    assert len(query) <= 4_001
    assert "needle" in query


def test_messages_that_were_kept_verbatim_are_not_shown_as_memories(store):
    kept = create_memory_store_manager(None, namespace=("memories", "{user_id}"), store=store)
    kept.invoke({"messages": [("user", f"ramen {n}") for n in range(30)]}, CONFIG)
    store.put(NS, "fact", {"content": "Nora loves ramen"})
    manager, model = manager_of(store, [], query_limit=3)
    manager.invoke({"messages": HELLO}, CONFIG)
    said = model.requests[0].messages[1].content
    assert said.count("<memory") == 1
    assert "Nora loves ramen" in said


@HOW
async def test_the_store_is_looked_up_on_each_call_never_cached(how):
    from langgraph.func import entrypoint

    manager = create_memory_store_manager(
        ScriptedModel(lambda request: RAMEN), namespace=("memories", "{user_id}")
    )
    stores = [InMemoryStore(), InMemoryStore()]
    for store in stores:

        @entrypoint(store=store)
        async def app(messages):
            return await manager.ainvoke({"messages": messages})

        @entrypoint(store=store)
        def sync_app(messages):
            return manager.invoke({"messages": messages})

        if how == "sync":
            sync_app.invoke(HELLO, CONFIG)
        else:
            await app.ainvoke(HELLO, CONFIG)
    assert [len(store.search(NS)) for store in stores] == [1, 1]


def test_without_any_store_the_error_says_what_to_do():
    manager, _ = manager_of(None)
    with pytest.raises(ConfigurationError, match="There is no store"):
        manager.invoke({"messages": HELLO}, CONFIG)
    with pytest.raises(ConfigurationError, match="There is no store"):
        _ = manager.store
    assert manager.using(kept := InMemoryStore()).store is kept
    with pytest.raises(ConfigurationError, match="must be a LangGraph BaseStore, got 'x"):
        manager.using("x.db").invoke({"messages": HELLO}, CONFIG)


def test_a_missing_variable_is_an_error_and_nothing_is_asked(store):
    manager, model = manager_of(store, RAMEN)
    with pytest.raises(ConfigurationError, match="'user_id' is missing"):
        manager.invoke({"messages": HELLO})
    assert model.requests == []


# Profiles


@HOW
async def test_a_profile_is_made_once_under_a_key_of_its_schema_and_then_updated(store, how):
    edit = [("PatchDoc", {"json_doc_id": "m1", "op": "replace", "path": "/tone", "value": "warm"})]
    manager, model = manager_of(
        store, [("Profile", {"name": "Nora"})], edit, schemas=[Profile], enable_inserts=False
    )
    await invoke(manager, how)
    await invoke(manager, how, messages=[("user", "words that match nothing at all")])
    (item,) = store.search(NS)
    assert (item.key, item.value["content"]) == (
        "profile-Profile",
        {"name": "Nora", "tone": "warm"},
    )
    assert model.requests[1].tool_names == ["PatchDoc"]


def test_a_profile_is_read_by_its_kind_wherever_it_stands(store):
    store.put(NS, "an-older-key", {"kind": "Profile", "content": {"name": "Nora", "tone": "x"}})
    for number in range(30):
        store.put(NS, f"newer {number}", {"content": "I love ramen"})
    edit = [("PatchDoc", {"json_doc_id": "m1", "op": "replace", "path": "/tone", "value": "warm"})]
    manager, model = manager_of(store, edit, schemas=[Profile], enable_inserts=False)
    puts = manager.invoke({"messages": HELLO}, CONFIG)
    assert model.requests[0].messages[1].content.count("<memory") == 1
    assert [put["key"] for put in puts] == ["an-older-key"]


def test_two_schemas_have_a_profile_each(store):
    class Team(BaseModel):
        title: str

    both = [("Profile", {"name": "Nora"}), ("Team", {"title": "joiners"})]
    manager = create_memory_store_enricher(
        ScriptedModel([both, []]), [Profile, Team], kind="single", store=store, namespace=NS
    )
    manager.invoke({"messages": HELLO})
    assert {item.key for item in store.search(NS)} == {"profile-Profile", "profile-Team"}
    assert manager.invoke({"messages": HELLO}) == []


def test_a_profile_that_another_run_made_meanwhile_is_not_overwritten(store):
    def answer(request):
        store.put(NS, "profile-Profile", {"kind": "Profile", "content": {"name": "First"}})
        return [("Profile", {"name": "Second"})]

    manager = create_memory_store_manager(
        ScriptedModel(answer), schemas=[Profile], enable_inserts=False, store=store, namespace=NS
    )
    puts = manager.invoke({"messages": HELLO})
    assert store.get(NS, "profile-Profile").value["content"] == {"name": "First"}
    assert (puts, len(puts.receipt.rejected)) == ([], 1)
    assert "made meanwhile" in puts.receipt.rejected[0].reason


# A model that writes the queries


@HOW
async def test_a_query_model_writes_the_queries(store, how):
    store.put(NS, "a", {"content": "Ines cannot eat peanuts"})
    store.put(NS, "b", {"content": "the ferry leaves at nine"})
    store.put(NS, "c", {"content": "something else"})
    queries = ScriptedModel(
        [[("search_memory", {"query": "peanuts"}), ("search_memory", {"query": "ferry"}),
          ("search_memory", {"query": 7}), ("search_memory", {"query": "peanuts"})]]
    )  # fmt: skip
    manager, model = manager_of(store, [], query_model=queries, query_limit=2)
    puts = await invoke(manager, how)
    said = model.requests[0].messages[1].content
    assert "peanuts" in said
    assert "ferry" in said
    assert "something else" not in said
    assert puts.receipt.usage.model_calls == 2
    assert queries.requests[0].tool_choice is None


def test_a_query_model_that_writes_none_leaves_it_to_the_words(store):
    store.put(NS, "a", {"content": "likes ramen"})
    for takes_tools in (True, False):
        queries = ScriptedModel(["I would search for noodles"], takes_tools=takes_tools)
        manager, model = manager_of(store, [], query_model=queries)
        manager.invoke({"messages": HELLO}, CONFIG)
        assert "likes ramen" in model.requests[0].messages[1].content


# Below the namespace


@HOW
async def test_what_stands_below_the_namespace_is_neither_shown_nor_changed(store, how):
    store.put(NS, "own", {"content": "ramen above"})
    for number in range(150):
        store.put((*NS, f"member {number}"), "own", {"content": f"private ramen ramen {number}"})
    edit = [("PatchDoc", {"json_doc_id": "m1", "op": "replace", "path": "content", "value": "new"})]
    manager, model = manager_of(store, edit)
    puts = await invoke(manager, how)
    said = model.requests[0].messages[1].content
    assert "ramen above" in said
    assert "private" not in said
    assert [put["key"] for put in puts] == ["own"]
    assert store.get(NS, "own").value == {"content": "new"}


# What happens while the model is thinking


class Pair(BaseModel):
    a: str = ""
    b: str = ""
    notes: list[str] = []


def paired(store, *calls, meanwhile, **options):
    """A manager whose model answers only after something happened to the store."""
    store.put(NS, "profile-Pair", {"kind": "Pair", "content": {"a": "", "b": "", "notes": ["1"]}})

    def answer(request):
        meanwhile()
        return list(calls)

    return create_memory_store_manager(
        ScriptedModel(answer), schemas=[Pair], enable_inserts=False, namespace=NS, store=store,
        **options,
    )  # fmt: skip


def edit_of(path, value, op="replace"):
    return ("PatchDoc", {"json_doc_id": "m1", "op": op, "path": path, "value": value})


@HOW
async def test_an_update_is_made_again_on_what_changed_meanwhile(store, how):
    newer = {"kind": "Pair", "content": {"a": "", "b": "theirs", "notes": ["1", "theirs"]}}
    manager = paired(
        store, edit_of("/a", "ours"), edit_of("/notes/-", "ours", "add"),
        meanwhile=lambda: store.put(NS, "profile-Pair", newer),
    )  # fmt: skip
    puts = await invoke(manager, how)
    content = store.get(NS, "profile-Pair").value["content"]
    assert (content["a"], content["b"]) == ("ours", "theirs")
    assert sorted(content["notes"]) == ["1", "ours", "theirs"]
    (change,) = puts.receipt.changes
    assert (change.action, change.before["b"]) == ("updated", "theirs")


def test_what_was_deleted_meanwhile_stays_deleted(store):
    manager = paired(
        store, edit_of("/a", "ours"), meanwhile=lambda: store.delete(NS, "profile-Pair")
    )
    puts = manager.invoke({"messages": HELLO})
    assert store.search(NS) == []
    assert "deleted meanwhile" in puts.receipt.rejected[0].reason


def test_what_changed_meanwhile_is_not_deleted(store):
    newer = {"kind": "Pair", "content": {"a": "", "b": "theirs", "notes": []}}
    manager = paired(
        store, ("RemoveDoc", {"json_doc_id": "m1"}), enable_deletes=True,
        meanwhile=lambda: store.put(NS, "profile-Pair", newer),
    )  # fmt: skip
    puts = manager.invoke({"messages": HELLO})
    assert store.get(NS, "profile-Pair").value == newer
    assert "changed meanwhile" in puts.receipt.rejected[0].reason


def test_nothing_is_placed_by_its_number_in_a_list_that_changed(store):
    newer = {"kind": "Pair", "content": {"a": "", "b": "", "notes": ["0", "1"]}}
    manager = paired(
        store, edit_of("/notes/0", None, "remove"), edit_of("/a", "ours"),
        meanwhile=lambda: store.put(NS, "profile-Pair", newer),
    )  # fmt: skip
    puts = manager.invoke({"messages": HELLO})
    content = store.get(NS, "profile-Pair").value["content"]
    assert content == {"a": "ours", "b": "", "notes": ["0", "1"]}
    (change,) = puts.receipt.changes
    assert change.action == "updated"
    assert change.reason.endswith("left as it is @ profile-Pair/notes")


def test_a_field_that_both_changed_stays_as_it_is(store):
    newer = {"kind": "Pair", "content": {"a": "theirs", "b": "", "notes": ["1"]}}
    manager = paired(
        store, edit_of("/a", "ours"), meanwhile=lambda: store.put(NS, "profile-Pair", newer)
    )
    puts = manager.invoke({"messages": HELLO})
    assert store.get(NS, "profile-Pair").value == newer
    assert "changed meanwhile" in puts.receipt.rejected[0].reason


def test_runs_side_by_side_on_one_profile_lose_nothing(store):
    store.put(NS, "profile-Pair", {"kind": "Pair", "content": {"a": "", "b": "", "notes": []}})

    def remember(name):
        model = ScriptedModel(lambda request: [edit_of("/notes/-", name, "add")])
        create_memory_store_manager(
            model, schemas=[Pair], enable_inserts=False, namespace=NS, store=store
        ).invoke({"messages": HELLO})

    names = [f"note {number}" for number in range(40)]
    threads = [threading.Thread(target=remember, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(store.get(NS, "profile-Pair").value["content"]["notes"]) == sorted(names)


# Removed and written anew, in one go


@HOW
@pytest.mark.parametrize("steps", [1, 3])
async def test_a_memory_that_is_removed_and_written_anew_is_there(store, how, steps):
    again = [("RemoveDoc", {"json_doc_id": "m1"}), *RAMEN]
    script = [RAMEN, [], again, []] if steps == 3 else [RAMEN, again]
    manager, _ = manager_of(store, *script, enable_deletes=True)
    await invoke(manager, how, max_steps=steps)
    puts = await invoke(manager, how, max_steps=steps)
    assert [c.action for c in puts.receipt.changes] == ["unchanged"]
    assert len(store.search(NS)) == 1


@HOW
async def test_a_profile_that_is_removed_and_written_anew_is_updated(store, how):
    again = [("RemoveDoc", {"json_doc_id": "m1"}), ("Profile", {"name": "Nora B."})]
    manager, _ = manager_of(
        store, [("Profile", {"name": "Nora"})], again,
        schemas=[Profile], enable_inserts=False, enable_deletes=True,
    )  # fmt: skip
    await invoke(manager, how)
    puts = await invoke(manager, how)
    (change,) = puts.receipt.changes
    assert (change.action, change.before["name"], change.after["name"]) == (
        "updated",
        "Nora",
        "Nora B.",
    )
    assert store.get(NS, "profile-Profile").value["content"]["name"] == "Nora B."


def test_recall_finds_what_the_manager_kept(store):
    manager, _ = manager_of(store, RAMEN)
    manager.invoke({"messages": HELLO}, CONFIG)
    asked = ("Who loves ramen?", ("memories", "{user_id}"))
    found = {one.kind: one for one in recall(*asked, store=store, config=CONFIG)}
    assert set(found) == ({"Memory", "Message"} if isinstance(store, Ledger) else {"Memory"})
    memory = found["Memory"]
    assert (memory.text, memory.speaker) == ("Nora loves ramen", None)
