"""Sentence models that run in this process (`"local:..."`), by the extra `holdfast[local]`.

fastembed serves models by name only: for a folder it wants an invented source in a table of the
whole process and settings that many exports lack, and cannot tell how the folder's model pools.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from holdfast.errors import ConfigurationError

_AT_ONCE = 16
_MOST_TOKENS = 512


class NamedModel:
    """A model that fastembed knows by name; it downloads the files once, and keeps them.

    Args:
        name: One of `fastembed.TextEmbedding.list_supported_models()`.
    """

    def __init__(self, name: str) -> None:
        from fastembed import TextEmbedding

        self.identity = name
        self._model = TextEmbedding(name)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return the vector of each text that is to be found."""
        found = self._model.passage_embed(texts, batch_size=_AT_ONCE)
        return [vector.tolist() for vector in found]

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a text that looks for others."""
        (vector,) = self._model.query_embed(text)
        return list(vector.tolist())


class FolderModel:
    """An ONNX model in a folder, as optimum and sentence-transformers export them.

    Args:
        folder: Holds `model.onnx` (or `onnx/model.onnx`) and `tokenizer.json`; how tokens become
            one vector stands in sentence-transformers' `1_Pooling`, or else is their mean.
    """

    def __init__(self, folder: Path) -> None:
        import onnxruntime  # type: ignore[import-untyped, unused-ignore]
        from tokenizers import Tokenizer

        found = [*folder.glob("*.onnx"), *folder.glob("onnx/*.onnx")]
        if not found:
            raise FileNotFoundError("the folder holds no .onnx file")
        model = min(found, key=lambda file: (file.name != "model.onnx", str(file)))
        tokenizer, pooling = folder / "tokenizer.json", folder / "1_Pooling" / "config.json"
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        if self._tokenizer.truncation is None:
            self._tokenizer.enable_truncation(_MOST_TOKENS)
        padding = self._tokenizer.padding or {}
        self._tokenizer.enable_padding(**{**padding, "length": None, "direction": "right"})
        self._session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
        self._inputs = {one.name for one in self._session.get_inputs()}
        self._by_first_token = pooling.exists() and _by_first_token(pooling)
        weights = sorted(model.parent.glob(f"{model.name}*"))  # large ones lie in files beside it
        self.identity = _digest([*weights, tokenizer, *([pooling] if pooling.exists() else [])])

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return the vector of each text, of length 1."""
        parts = [texts[start : start + _AT_ONCE] for start in range(0, len(texts), _AT_ONCE)]
        return [vector for part in parts for vector in self._run(part)]

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a text, of length 1."""
        return self.embed_documents([text])[0]

    def _run(self, texts: list[str]) -> Any:
        import numpy as np

        tokens = self._tokenizer.encode_batch(texts)
        mask = np.array([one.attention_mask for one in tokens], dtype=np.int64)
        given = {
            "input_ids": np.array([one.ids for one in tokens], dtype=np.int64),
            "attention_mask": mask,
            "token_type_ids": np.array([one.type_ids for one in tokens], dtype=np.int64),
        }
        asked = {name: value for name, value in given.items() if name in self._inputs}
        vectors = self._session.run(None, asked)[0].astype(np.float64)
        if vectors.ndim == 3 and self._by_first_token:
            vectors = vectors[:, 0]
        elif vectors.ndim == 3:
            counts = np.maximum(mask.sum(axis=1, keepdims=True), 1)
            vectors = (vectors * mask[:, :, np.newaxis]).sum(axis=1) / counts
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return (vectors / np.maximum(lengths, 1e-12)).tolist()


def _by_first_token(file: Path) -> bool:
    said = json.loads(file.read_text(encoding="utf-8"))
    modes = {mode for mode, on in said.items() if mode.startswith("pooling_mode_") and on is True}
    if modes not in ({"pooling_mode_mean_tokens"}, {"pooling_mode_cls_token"}):
        raise ValueError(f"{file} pools by {sorted(modes)}; only mean and cls can be done")
    return modes == {"pooling_mode_cls_token"}


def _digest(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return f"sha256-{digest.hexdigest()[:32]}"


def load_local(name: str) -> NamedModel | FolderModel:
    """Return a local model, from a folder (wholly offline) or by its name in fastembed.

    Raises:
        ConfigurationError: There is no such model, it cannot be loaded, or the extra is missing.
    """
    folder = Path(name).expanduser()
    try:
        import onnxruntime

        onnxruntime.disable_telemetry_events()  # some of its builds report home unless told
        return FolderModel(folder) if folder.is_dir() else NamedModel(name)
    except ImportError as error:
        raise ConfigurationError(
            f"The embedder 'local:{name}' needs packages that are not installed ({error}); "
            "run: pip install 'holdfast[local]'"
        ) from error
    except Exception as error:
        raise ConfigurationError(
            f"The embedder 'local:{name}' cannot be loaded: {error}\nGive a folder that holds "
            "model.onnx and tokenizer.json, or the name of a model that fastembed knows, such as "
            "'BAAI/bge-small-en-v1.5'; that is downloaded once."
        ) from error
