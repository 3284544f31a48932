"""Conversations from ChatGPT's data export: JSON files in which each one is a tree."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from holdfast.errors import InputError, shown
from holdfast.memory import Message, clean
from holdfast.transfer.reading import Text, checked, reading

_FILE = re.compile(r"conversations(-\d+)?\.json")
_GIVE = "Give the .zip that ChatGPT sent, its unpacked folder, or its conversations.json."
_INSTRUCTIONS = ("system", "developer")
_PARTNERS = ("user", "assistant")
_UNSAID = ("thoughts", "reasoning_recap", "user_editable_context", "model_editable_context")
_NAMES = {
    "image_asset_pointer": "image",
    "audio_asset_pointer": "audio",
    "video_container_asset_pointer": "video",
    "real_time_user_audio_video_asset_pointer": "audio",
}


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation of an export, as its owner last saw it.

    Args:
        thread: The conversation's own id.
        title: Its title, where it has one.
        messages: What was said on its current branch, in order; empty where nothing was.
    """

    thread: str
    title: str | None
    messages: tuple[Message, ...]


class _Author(BaseModel):
    role: str
    name: Text | None = None


class _Said(BaseModel):
    id: Text | None = None
    author: _Author
    content: dict[str, Any] | None = None
    create_time: datetime | None = None
    recipient: Text | None = None
    metadata: dict[str, Any] | None = None


class _Node(BaseModel):
    message: dict[str, Any] | None = None
    parent: str | None = None
    children: list[str] | None = None


class _Tree(BaseModel):
    conversation_id: Text | None = None
    id: Text | None = None
    title: Text | None = None
    current_node: str | None = None
    mapping: dict[str, _Node]


def read_chatgpt(path: str | Path) -> Iterator[Conversation]:
    """Read the conversations of ChatGPT's data export.

    Of each conversation the current branch is read: answers that were generated again and
    questions that were edited are left out. Left out as well is what nobody said: the system's
    messages, hidden ones, custom instructions, thoughts, and messages without words.

    An image, a recording or a file is named, as `[image: cat.png]`. What the assistant sends to
    a tool (code, a search) is a call of that tool; what the tool answers is a message of role
    `tool`, with the tool as speaker.

    The export is read twice, one file at a time: first all of it is checked, so that the
    iterator that is returned does not fail halfway.

    Args:
        path: The `.zip`, the folder it was unpacked to, or one JSON file of it. Large exports
            hold several (`conversations-000.json`, ...); of a zip or a folder all are read.

    Returns:
        The conversations, in the order of the files.

    Raises:
        InputError: A file or a conversation cannot be read; the error names it and the place.

    Example:
        >>> import json, tempfile
        >>> said = {"author": {"role": "user"}, "content": {"parts": ["I like tea."]}}
        >>> node = {"message": said, "parent": None, "children": []}
        >>> tree = {"id": "c1", "title": "Tea", "current_node": "n1", "mapping": {"n1": node}}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "conversations.json").write_text(json.dumps([tree]))
        ...     (conversation,) = read_chatgpt(folder)
        >>> conversation.title, conversation.messages[0].text
        ('Tea', 'I like tea.')
    """
    export = Path(path).expanduser()
    for _ in _conversations(export):
        pass  # whoever imports what is returned must not stop halfway
    return _conversations(export)


def _conversations(path: Path) -> Iterator[Conversation]:
    for place, read in _files(path):
        for number, given in enumerate(_listed(place, read), start=1):
            yield _conversation(given, f"{place}: conversation {number}")


def _files(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Yield the name of each file with conversations, and what reads its bytes."""
    with reading(str(path), _GIVE):
        is_folder = path.is_dir()
        inside = [file.name for file in path.iterdir()] if is_folder else []
    if is_folder:
        names = sorted(name for name in inside if _FILE.fullmatch(name))
        for name in names:
            yield str(path / name), (path / name).read_bytes
    elif zipfile.is_zipfile(path):
        with reading(str(path), _GIVE):
            archive = zipfile.ZipFile(path)
        with archive:
            inside = archive.namelist()
            names = sorted(name for name in inside if _FILE.fullmatch(name.rpartition("/")[2]))
            for name in names:
                yield f"{path}/{name}", partial(archive.read, name)
    elif path.is_file() and path.suffix.lower() == ".zip":
        raise InputError(f"{path}: this is no zip archive, or a part of one. Download it again.")
    else:
        names = [path.name]
        yield str(path), path.read_bytes
    if not names:
        raise InputError(f"{path}: there is no conversations.json in it. {_GIVE}")


def _listed(place: str, read: Callable[[], bytes]) -> list[Any]:
    with reading(place, _GIVE):
        found = json.loads(read())
    listed = [found] if isinstance(found, dict) and "mapping" in found else found
    if not isinstance(listed, list):
        raise InputError(f"{place}: no list of conversations, but {shown(listed)}. {_GIVE}")
    return listed


def _conversation(given: Any, place: str) -> Conversation:
    if isinstance(given, Mapping):
        known = [given.get(key) for key in ("title", "conversation_id", "id")]
        named = ", ".join(dict.fromkeys(shown(value) for value in known if value))
        place = f"{place} ({named})" if named else place
    tree = checked(_Tree, given, place)
    thread = tree.conversation_id or tree.id
    if not thread:
        raise InputError(f"{place} has no id. Give it an 'id', or take it out of the file.")
    said = (_message(key, tree.mapping[key].message, place) for key in _branch(tree, place))
    return Conversation(thread, tree.title or None, tuple(filter(None, said)))


def _branch(tree: _Tree, place: str) -> list[str]:
    """Return the nodes from the root to the current one, else to the last of the deepest."""
    nodes = tree.mapping
    parents = {child: key for key, node in nodes.items() for child in node.children or ()}
    parents |= {key: node.parent for key, node in nodes.items() if node.parent}
    if tree.current_node in nodes:
        return _path(tree.current_node, nodes, parents, place)
    inner = set(parents.values())
    leaves = [key for key in reversed(nodes) if key not in inner] or list(nodes)[:1]
    return max((_path(leaf, nodes, parents, place) for leaf in leaves), key=len, default=[])


def _path(
    node: str | None, nodes: Mapping[str, _Node], parents: Mapping[str, str], place: str
) -> list[str]:
    """Return the nodes from the root to this one; a parent that is not there ends the path."""
    path: dict[str, None] = {}
    while node is not None and node in nodes:
        if node in path:
            raise InputError(
                f"{place} cannot be read: its messages run in a circle @ mapping/{node}. "
                "Repair it or take it out of the file."
            )
        path[node] = None
        node = parents.get(node)
    return list(reversed(path))


def _message(key: str, given: Any, place: str) -> Message | None:
    """Return what was said at a node, if anything was."""
    if given is None:
        return None
    said = checked(_Said, given, place, at=f"mapping/{key}/message")
    content, metadata = said.content or {}, said.metadata or {}
    role = said.author.role
    hidden = metadata.get("is_visually_hidden_from_conversation")
    if role in _INSTRUCTIONS or hidden or content.get("content_type") in _UNSAID:
        return None
    text = clean(_text(content, _attached(metadata)))
    if not text.strip():
        return None
    called = said.recipient if role == "assistant" and said.recipient != "all" else None
    return Message(
        role=role if role in _PARTNERS else "tool",
        text="" if called else text,
        speaker=said.author.name or None,
        time=said.create_time.isoformat() if said.create_time else None,
        id=said.id or key,
        calls=((called, _arguments(text)),) if called else (),
    )


def _text(content: Mapping[str, Any], attached: dict[str, str]) -> str:
    """Return the words of a content; one of a kind that is not known yet is named."""
    kind = content.get("content_type")
    own = [content[key] for key in ("text", "result") if isinstance(content.get(key), str)]
    parts = content.get("parts")
    if not isinstance(parts, list):
        parts = own[:1] or [{"content_type": kind}]
    said = [_part(part, attached) for part in parts]
    said += [f"[file: {name}]" for name in attached.values()]
    return "\n".join(filter(None, said))


def _part(part: Any, attached: dict[str, str]) -> str:
    """Return a part's words, or its name; its file is then told, and no longer attached."""
    if isinstance(part, str):
        return part
    if not isinstance(part, Mapping):
        return ""
    if isinstance(part.get("text"), str):
        return str(part["text"])
    kind = part.get("content_type")
    if not isinstance(kind, str) or kind in ("text", "multimodal_text"):
        return ""
    name = attached.pop(str(part.get("asset_pointer")).rpartition("/")[2], None)
    return f"[{_NAMES.get(kind, kind)}{f': {name}' if name else ''}]"


def _attached(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of the files that were sent along, by their id."""
    listed = metadata.get("attachments")
    files = listed if isinstance(listed, list) else []
    named = [file for file in files if isinstance(file, Mapping) and file.get("name")]
    return {str(file.get("id")): str(file["name"]) for file in named}


def _arguments(text: str) -> str:
    """Return what a tool was called with as JSON: an object as it stands, else one text."""
    try:
        is_object = isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        is_object = False
    return text if is_object else json.dumps(text, ensure_ascii=False)
