"""One embedder, whatever is given as one: its name, its vectors, its failures, its patience."""

import asyncio
import contextvars
import functools
import json
import math
import subprocess
import sys
import threading
import time

import numpy as np
import onnx
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings
from langgraph.store.base import ensure_embeddings
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers

from holdfast.embed import BATCH, as_embedder
from holdfast.errors import ConfigurationError, EmbedderFailed, HoldfastError
from holdfast.testing import LocalProvider

DIMS = 2


def lengths(texts):
    return [[len(text), 1] for text in texts]


async def alengths(texts):
    await asyncio.sleep(0)
    return lengths(texts)


class Lengths(Embeddings):
    """Tells apart what was asked: documents end with 1, questions with 2, awaited ones add 10."""

    model = "lengths-1"

    def embed_documents(self, texts):
        return [[len(text), 1] for text in texts]

    def embed_query(self, text):
        return [len(text), 2]


class AwaitedLengths(Lengths):
    async def aembed_documents(self, texts):
        return [[len(text), 11] for text in texts]

    async def aembed_query(self, text):
        return [len(text), 12]


def embedder(embed, dims=DIMS, **index):
    return as_embedder({"embed": embed, "dims": dims, **index})


async def everything(made, texts):
    """What an embedder gives for documents and a question, blocking and awaiting."""
    return (
        await asyncio.to_thread(made.documents, texts),
        await made.adocuments(texts),
        await asyncio.to_thread(made.query, texts[0]),
        await made.aquery(texts[0]),
    )


async def failures(made):
    """The errors of each way to ask an embedder."""
    found = []
    for ask in (made.documents, made.query):
        with pytest.raises(EmbedderFailed) as caught:
            ask(["tea"] if ask == made.documents else "tea")
        found.append(caught.value)
    for ask in (made.adocuments, made.aquery):
        with pytest.raises(EmbedderFailed) as caught:
            await ask(["tea"] if ask == made.adocuments else "tea")
        found.append(caught.value)
    return found


# What may be given


@pytest.mark.parametrize("embed", [lengths, alengths, functools.partial(alengths)])
async def test_a_function_serves_documents_and_questions(embed):
    documents, awaited, query, aquery = await everything(embedder(embed), ["tea", "coffee"])
    assert documents == awaited == [[3.0, 1.0], [6.0, 1.0]]
    assert query == aquery == [3.0, 1.0]


async def test_an_object_with_an_awaiting_call_serves_both_callers():
    class Called:
        async def __call__(self, texts):
            return lengths(texts)

    documents, awaited, _, _ = await everything(embedder(Called()), ["tea"])
    assert documents == awaited == [[3.0, 1.0]]


async def test_embeddings_are_asked_by_their_own_methods():
    given = await everything(embedder(Lengths()), ["tea"])
    assert given == ([[3, 1]], [[3, 1]], [3, 2], [3, 2])
    given = await everything(embedder(AwaitedLengths()), ["tea"])
    assert given == ([[3, 1]], [[3, 11]], [3, 2], [3, 12])


@pytest.mark.parametrize("embed", [lengths, alengths])
async def test_a_function_in_langgraphs_wrapper_is_that_function(embed):
    wrapped = embedder(ensure_embeddings(embed))
    assert wrapped.fingerprint == embedder(embed).fingerprint
    assert wrapped.documents(["tea"]) == await wrapped.adocuments(["tea"]) == [[3.0, 1.0]]


def test_awaiting_code_serves_a_blocking_caller_while_a_loop_runs_in_its_thread():
    made = embedder(alengths)

    async def caller():
        return made.documents(["tea"]), made.query("coffee")

    assert asyncio.run(caller()) == ([[3.0, 1.0]], [6.0, 1.0])


class OfOneLoop(AwaitedLengths):
    """As the clients of providers are: their connections belong to the loop that made them."""

    loop = None

    async def aembed_documents(self, texts):
        self.loop = self.loop or asyncio.get_running_loop()
        if self.loop is not asyncio.get_running_loop():
            raise RuntimeError("is bound to a different event loop")
        return await super().aembed_documents(texts)


def test_one_embedder_serves_several_loops():
    one = embedder(OfOneLoop())
    found = [asyncio.run(one.adocuments(["tea"])) for _ in range(3)]
    assert found == [[[3, 11]], [[3, 1]], [[3, 1]]]


def test_blocking_calls_of_awaiting_code_share_one_loop():
    loops = []

    async def embed(texts):
        loops.append(asyncio.get_running_loop())
        return lengths(texts)

    made = embedder(embed)
    made.query("tea")
    thread = threading.Thread(target=made.query, args=("tea",))
    thread.start()
    thread.join()
    embedder(embed).documents(["tea"])
    assert len(loops) == 3
    assert len(set(map(id, loops))) == 1


@pytest.fixture
def provider(monkeypatch):
    """A provider to which LangChain's clients go; they keep no connection open after a call."""

    def closing(send):
        def once(client, request, **options):
            request.headers["connection"] = "close"
            return send(client, request, **options)

        return once

    for default in (openai.DefaultHttpxClient, openai.DefaultAsyncHttpxClient):
        monkeypatch.setattr(default.__base__, "send", closing(default.__base__.send))
    with LocalProvider() as server:
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        yield server


async def test_a_named_embedder_is_langchains_and_downloads_nothing(provider):
    made = embedder("openai:text-embedding-3-small", 64)
    documents, awaited, query, aquery = await everything(made, ["tea", "coffee", "tea"])
    sent = [request.body["input"] for request in provider.requests]
    assert made.fingerprint == "openai:text-embedding-3-small/64"
    assert documents == awaited
    assert documents[0] == documents[2] == query == aquery
    assert sent == [["tea", "coffee"], ["tea", "coffee"], ["tea"], ["tea"]]


async def test_an_error_of_the_provider_is_the_cause(provider):
    with pytest.raises(EmbedderFailed, match="BadRequestError") as caught:
        await embedder("openai:text-embedding-3-small", 64).aquery("")
    assert type(caught.value.__cause__).__name__ == "BadRequestError"


# Which embedder it is


def test_fingerprints_name_the_embedder_and_its_dims():
    assert embedder(lengths).fingerprint == f"{__name__}.lengths/2"
    assert embedder(functools.partial(alengths)).fingerprint == f"{__name__}.alengths/2"
    assert embedder(Lengths()).fingerprint == f"{__name__}.Lengths:lengths-1/2"
    assert embedder(Lengths().embed_documents, 3).fingerprint == (
        f"{__name__}.Lengths.embed_documents/3"
    )
    fake = DeterministicFakeEmbedding(size=4)
    assert embedder(fake, 4).fingerprint == (
        "langchain_core.embeddings.fake.DeterministicFakeEmbedding/4"
    )
    assert embedder(lengths, fingerprint="mine-7").fingerprint == "mine-7/2"
    assert repr(embedder(lengths, fingerprint="mine-7")) == "Embedder('mine-7/2')"
    assert embedder(lengths).dims == 2


def test_a_fingerprint_is_the_same_in_another_process():
    code = (
        "from langchain_core.embeddings import DeterministicFakeEmbedding as Fake\n"
        "from holdfast.embed import as_embedder\n"
        "print(as_embedder({'embed': Fake(size=4), 'dims': 4}).fingerprint)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout.strip() == embedder(DeterministicFakeEmbedding(size=4), 4).fingerprint


def test_the_module_loads_nothing_heavy():
    code = "import holdfast.embed, sys; print(*{name.split('.')[0] for name in sys.modules})"
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    heavy = {"numpy", "langchain", "langchain_core", "langgraph", "fastembed", "onnxruntime"}
    assert not heavy & set(told.stdout.split())


# Batches


@given(st.lists(st.text(max_size=3), max_size=3 * BATCH))
def test_documents_come_in_order_each_text_embedded_once_in_bounded_batches(texts):
    batches = []

    def embed(batch):
        batches.append(batch)
        return [[sum(map(ord, text)), len(text)] for text in batch]

    found = embedder(embed).documents(texts)
    assert found == [[sum(map(ord, text)), len(text)] for text in texts]
    sent = [text for batch in batches for text in batch]
    assert sent == list(dict.fromkeys(texts))
    assert all(0 < len(batch) <= BATCH for batch in batches)
    assert len(batches) == math.ceil(len(set(texts)) / BATCH)


async def test_many_texts_are_awaited_in_batches_too():
    batches = []

    async def embed(batch):
        batches.append(len(batch))
        return [[int(text), 0] for text in batch]

    texts = [str(number) for number in range(BATCH + 1)]
    found = await embedder(embed).adocuments([*texts, *texts])
    assert [vector[0] for vector in found] == [*map(float, texts), *map(float, texts)]
    assert batches == [BATCH, 1]


async def test_no_text_asks_nothing():
    def embed(texts):
        raise AssertionError("asked")

    made = embedder(embed)
    assert made.documents([]) == await made.adocuments([]) == []


def test_vectors_of_equal_texts_can_be_changed_one_by_one():
    one, other = embedder(lengths).documents(["tea", "tea"])
    one.append(0.0)
    assert other == [3.0, 1.0]


def test_an_embedder_cannot_change_the_texts_it_is_given():
    def embed(texts):
        found = lengths(texts)
        texts.clear()
        return found

    assert embedder(embed).documents(["tea", "coffee"]) == [[3.0, 1.0], [6.0, 1.0]]


# Vectors of no use


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        ([], "0 vector(s) for 1 text(s)"),
        ([[1, 2], [3, 4]], "2 vector(s) for 1 text(s)"),
        ([[1, 2, 3]], "3 numbers where 'dims' says 2; set 'dims'"),
        ([[1, math.nan]], "not finite"),
        ([[math.inf, 1]], "not finite"),
        (None, "'NoneType' that is no list of vectors"),
        ([[1, None]], "no list of vectors"),
        ([1, 2], "no list of vectors"),
        ([["a", "b"]], "no list of vectors"),
        ([[10**400, 1]], "no list of vectors"),
    ],
)
async def test_vectors_of_no_use_are_an_error_that_names_the_embedder(vectors, said):
    async def embed(texts):
        return vectors

    for made in (embedder(lambda texts: vectors, fingerprint="mine"), embedder(embed)):
        for error in await failures(made):
            assert said in str(error)
            assert repr(made.fingerprint) in str(error)


def test_arrays_are_lists_of_numbers_too():
    made = embedder(lambda texts: np.array(lengths(texts), dtype=np.float32))
    (vector,) = made.documents(["tea"])
    assert vector == [3.0, 1.0]
    assert all(type(number) is float for number in vector)


# Failures


@pytest.mark.parametrize("raised", [ValueError("no"), TimeoutError("no"), OSError("no")])
async def test_what_the_embedder_raises_is_the_cause(raised):
    def embed(texts):
        raise raised

    async def aembed(texts):
        raise raised

    for made in (embedder(embed), embedder(aembed)):
        for error in await failures(made):
            assert isinstance(error, HoldfastError)
            assert error.__cause__ is raised
            assert f"raised {type(raised).__name__}: no" in str(error)


async def test_an_embedder_whose_script_ran_out_fails_at_once():
    script = iter(())
    for error in await failures(embedder(lambda texts: next(script))):
        assert "StopIteration" in str(error)


async def test_cancellation_and_interrupts_pass_through():
    started = asyncio.Event()

    async def hang(texts):
        started.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(embedder(hang).aquery("tea"))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    def interrupted(texts):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embedder(interrupted).query("tea")


async def test_a_cancelled_caller_does_not_wait_for_blocking_code():
    going, release = threading.Event(), threading.Event()

    def slow(texts):
        going.set()
        release.wait(10)
        return lengths(texts)

    task = asyncio.create_task(embedder(slow).aquery("tea"))
    assert await asyncio.to_thread(going.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    release.set()


# Patience


@pytest.mark.parametrize("awaiting", [False, True])
async def test_a_call_that_hangs_comes_back(awaiting):
    release = threading.Event()

    def hang(texts):
        release.wait(10)
        return lengths(texts)

    async def ahang(texts):
        await asyncio.sleep(10)
        return lengths(texts)

    before = time.monotonic()
    for error in await failures(embedder(ahang if awaiting else hang, timeout=0.05)):
        assert "longer than 0.05 seconds for 1 text(s)" in str(error)
        assert isinstance(error.__cause__, TimeoutError)
    assert time.monotonic() - before < 5
    release.set()


def test_awaiting_code_that_was_too_slow_for_a_blocking_caller_is_cancelled():
    cancelled = threading.Event()

    async def hang(texts):
        try:
            await asyncio.sleep(10)
        finally:
            cancelled.set()

    with pytest.raises(EmbedderFailed):
        embedder(hang, timeout=0.05).query("tea")
    assert cancelled.wait(5)


def test_the_timeout_is_for_each_call_not_for_all_batches():
    def embed(texts):
        time.sleep(0.1)
        return lengths(texts)

    texts = [str(number) for number in range(5 * BATCH)]
    assert len(embedder(embed, timeout=0.4).documents(texts)) == len(texts)


@pytest.mark.parametrize("embed", ["lengths", "Lengths"])
async def test_blocking_code_does_not_hold_up_the_loop(embed):
    def slow(texts):
        time.sleep(0.2)
        return lengths(texts)

    class Slow(Lengths):
        def embed_documents(self, texts):
            return slow(texts)

    ticks = 0
    task = asyncio.create_task(embedder(slow if embed == "lengths" else Slow()).adocuments(["tea"]))
    while not task.done():
        ticks += 1
        await asyncio.sleep(0.01)
    assert task.result() == [[3.0, 1.0]]
    assert ticks >= 5


@pytest.mark.parametrize("ask", ["made.query('tea')", "asyncio.run(made.aquery('tea'))"])
@pytest.mark.parametrize(
    "embed", ["hang", "ahang", "Hang()", "ensure_embeddings(hang)"], ids=lambda name: name[:5]
)
def test_an_embedder_that_hangs_does_not_keep_the_process(embed, ask):
    code = f"""
import asyncio, time
from langchain_core.embeddings import Embeddings
from langgraph.store.base import ensure_embeddings
from holdfast.embed import as_embedder
from holdfast.errors import EmbedderFailed
def hang(texts): time.sleep(120)
async def ahang(texts): await asyncio.sleep(120)
class Hang(Embeddings):
    def embed_documents(self, texts): time.sleep(120)
    def embed_query(self, text): time.sleep(120)
made = as_embedder({{"embed": {embed}, "dims": 2, "timeout": 0.1}})
try: {ask}
except EmbedderFailed: print("came back")
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "came back\n", "")


async def test_context_variables_of_the_caller_are_seen():
    tenant = contextvars.ContextVar("tenant")
    seen = []

    def embed(texts):
        seen.append(tenant.get())
        return lengths(texts)

    async def aembed(texts):
        return embed(texts)

    tenant.set("nora")
    for made in (embedder(embed), embedder(aembed)):
        made.query("tea")
        await made.aquery("tea")
    assert seen == ["nora"] * 4


# Wrong configurations


@pytest.mark.parametrize(
    ("index", "said"),
    [
        (None, "got None"),
        ([("embed", lengths)], "must be a mapping"),
        ({"embed": lengths}, r"index\['dims'\].*got None"),
        ({"embed": lengths, "dims": 0}, "got 0"),
        ({"embed": lengths, "dims": -3}, "got -3"),
        ({"embed": lengths, "dims": True}, "got True"),
        ({"embed": lengths, "dims": "2"}, "got '2'"),
        ({"embed": lengths, "dims": 2.0}, "got 2.0"),
        ({"dims": 2}, r"index\['embed'\].*got None"),
        ({"embed": 5, "dims": 2}, "got 5"),
        ({"embed": Lengths, "dims": 2}, "got <class"),
        ({"embed": lengths, "dims": 2, "timeout": 0}, r"index\['timeout'\].*got 0"),
        ({"embed": lengths, "dims": 2, "timeout": math.nan}, "got nan"),
        ({"embed": lengths, "dims": 2, "timeout": math.inf}, "got inf"),
        ({"embed": lengths, "dims": 2, "timeout": "30"}, "got '30'"),
        ({"embed": lengths, "dims": 2, "fingerprint": ""}, r"index\['fingerprint'\].*got ''"),
        ({"embed": lengths, "dims": 2, "fingerprint": 7}, "got 7"),
        ({"embed": "", "dims": 2}, "got ''"),
        ({"embed": "text-embedding-3-small", "dims": 2}, "'provider:model'.*embedding-3-small'"),
        ({"embed": "openai:", "dims": 2}, "got 'openai:'"),
        ({"embed": "local:", "dims": 2}, "got 'local:'"),
        ({"embed": "nobody:model", "dims": 2}, "'nobody:model'.*not supported"),
        ({"embed": "cohere:embed-english-v3.0", "dims": 2}, "pip install langchain-cohere"),
        ({"embed": "openai:text-embedding-3-small", "dims": 2}, "api_key"),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_value(index, said):
    with pytest.raises(ConfigurationError, match=said):
        as_embedder(index)


def test_keys_of_the_store_are_left_to_it():
    assert embedder(lengths, fields=["content"], distance="cosine").query("tea") == [3.0, 1.0]


# Local models

WORDS = ["[PAD]", "[UNK]", "nora", "likes", "tea", "coffee"]
TABLE = np.random.default_rng(7).normal(size=(len(WORDS), 4)).astype(np.float32)


def tiny_model(folder, file="model.onnx", table=TABLE, pooled=False):
    """Write a model that looks up one vector a word, and its tokenizer."""
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["tokens"])]
    shape = ["texts", "words", 4]
    if pooled:
        nodes.append(helper.make_node("ReduceMax", ["tokens"], ["vectors"], axes=[1], keepdims=0))
        shape = ["texts", 4]
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["texts", "words"])
    out = helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, shape)
    graph = helper.make_graph(
        nodes, "tiny", [ids], [out], [numpy_helper.from_array(table, "table")]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, str(folder / file))
    tokenizer = Tokenizer(
        models.WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    # As some exports have it: every text filled up to a length, which is not wanted here.
    tokenizer.enable_padding(length=9)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def pooling(folder, mode):
    (folder / "1_Pooling").mkdir()
    modes = {"word_embedding_dimension": 4, "pooling_mode_mean_tokens": False, mode: True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(modes))


def mean(*words):
    vector = np.mean([TABLE[WORDS.index(word)] for word in words], axis=0, dtype=np.float64)
    return list(vector / np.linalg.norm(vector))


async def test_a_folder_with_a_model_gives_the_mean_of_its_words_whatever_stands_beside(tmp_path):
    made = embedder(f"local:{tiny_model(tmp_path)}", 4)
    texts = ["nora likes tea", "tea", "nora likes tea", *["coffee"] * 40]
    documents, awaited, query, aquery = await everything(made, texts)
    assert documents[0] == pytest.approx(mean("nora", "likes", "tea"))
    assert documents[1] == pytest.approx(mean("tea"))
    assert documents == awaited
    assert documents[0] == documents[2]
    assert query == aquery == pytest.approx(documents[0])
    assert math.hypot(*documents[0]) == pytest.approx(1)


def test_a_folder_is_told_by_the_files_that_make_its_vectors(tmp_path):
    one = tiny_model(tmp_path / "one")
    copy = tiny_model(tmp_path / "copy")
    other = tiny_model(tmp_path / "other", table=TABLE * 2)
    first = tiny_model(tmp_path / "first")
    pooling(first, "pooling_mode_cls_token")
    names = [embedder(f"local:{folder}", 4).fingerprint for folder in (one, copy, other, first)]
    assert names[0] == names[1]
    assert len(set(names)) == 3
    assert names[0].startswith("local:sha256-")
    assert names[0].endswith("/4")


def test_a_folder_says_how_its_model_pools(tmp_path):
    pooling(tiny_model(tmp_path / "first"), "pooling_mode_cls_token")
    made = embedder(f"local:{tmp_path / 'first'}", 4)
    assert made.query("tea coffee") == pytest.approx(mean("tea"))
    pooling(tiny_model(tmp_path / "mean"), "pooling_mode_mean_tokens")
    made = embedder(f"local:{tmp_path / 'mean'}", 4)
    assert made.query("tea coffee") == pytest.approx(mean("tea", "coffee"))
    pooling(tiny_model(tmp_path / "last"), "pooling_mode_lasttoken")
    with pytest.raises(ConfigurationError, match=r"pooling_mode_lasttoken.*only mean and cls"):
        embedder(f"local:{tmp_path / 'last'}", 4)


def test_a_model_that_pools_by_itself_is_taken_at_its_word(tmp_path):
    made = embedder(f"local:{tiny_model(tmp_path, 'onnx/model.onnx', pooled=True)}", 4)
    most = np.maximum(TABLE[WORDS.index("tea")], TABLE[WORDS.index("coffee")])
    assert made.query("tea coffee") == pytest.approx(list(most / np.linalg.norm(most)), abs=1e-6)


def test_a_very_long_text_is_cut(tmp_path):
    made = embedder(f"local:{tiny_model(tmp_path)}", 4)
    assert made.query("tea " * 512 + "coffee " * 5000) == pytest.approx(mean("tea"))
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    tokenizer.enable_truncation(2)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    made = embedder(f"local:{tmp_path}", 4)
    assert made.query("nora tea coffee") == pytest.approx(mean("nora", "tea"))


def test_a_text_without_a_token_has_a_vector_without_length(tmp_path):
    made = embedder(f"local:{tiny_model(tmp_path)}", 4)
    assert made.documents([""]) == [[0.0] * 4]


def test_wrong_dims_of_a_local_model_fail_when_it_is_asked(tmp_path):
    with pytest.raises(EmbedderFailed, match="4 numbers where 'dims' says 5"):
        embedder(f"local:{tiny_model(tmp_path)}", 5).query("tea")


def test_a_folder_that_holds_no_model_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match=r"holds no \.onnx file"):
        embedder(f"local:{tmp_path}", 4)
    (tiny_model(tmp_path) / "tokenizer.json").unlink()
    with pytest.raises(ConfigurationError, match=r"cannot be loaded: .*\n.*tokenizer\.json"):
        embedder(f"local:{tmp_path}", 4)
    tiny_model(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(ConfigurationError, match="cannot be loaded"):
        embedder(f"local:{tmp_path}", 4)


@pytest.mark.parametrize("missing", ["onnxruntime", "tokenizers", "fastembed"])
def test_a_missing_extra_says_how_to_install_it(tmp_path, monkeypatch, missing):
    name = "BAAI/bge-small-en-v1.5" if missing == "fastembed" else tiny_model(tmp_path)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ConfigurationError, match=r"pip install 'holdfast\[local\]'"):
        embedder(f"local:{name}", 4)


def test_a_model_by_name_is_read_from_where_fastembed_keeps_it(tmp_path, monkeypatch):
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    kept = tmp_path / "models--tests--tiny"
    folder = tiny_model(kept / "snapshots" / ("0" * 40))
    (folder / "tokenizer_config.json").write_text('{"model_max_length": 512, "pad_token": "[PAD]"}')
    (folder / "config.json").write_text('{"pad_token_id": 0}')
    (folder / "special_tokens_map.json").write_text("{}")
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("0" * 40)
    TextEmbedding.add_custom_model(
        "tests/tiny", PoolingType.MEAN, True, ModelSource(hf="tests/tiny"), 4, "model.onnx"
    )
    monkeypatch.setenv("FASTEMBED_CACHE_PATH", str(tmp_path))
    made = embedder("local:tests/tiny", 4)
    assert made.fingerprint == "local:tests/tiny/4"
    assert made.query("nora likes tea") == pytest.approx(mean("nora", "likes", "tea"), abs=1e-6)
    (documents,) = made.documents(["tea"])
    assert documents == pytest.approx(mean("tea"), abs=1e-6)


def test_a_model_that_is_not_there_is_refused(tmp_path, monkeypatch):
    with pytest.raises(ConfigurationError, match=r"'local:\./nowhere' cannot be loaded"):
        embedder("local:./nowhere", 4)
    monkeypatch.setenv("FASTEMBED_CACHE_PATH", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ConfigurationError, match="downloaded once"):
        embedder("local:BAAI/bge-small-en-v1.5", 384)
