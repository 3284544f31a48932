"""What commands that run on share: what users name as module:attribute, and being told to stop."""

from __future__ import annotations

import importlib
import inspect
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from holdfast.errors import ConfigurationError, InputError


@contextmanager
def told_to_stop() -> Iterator[threading.Event]:
    """Lend an event that SIGTERM and Ctrl-C set."""
    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def loaded(option: str, name: str, example: str) -> Any:
    """Return what a name such as `agent.memory:manager` stands for.

    Args:
        option: Which option of the command names it.
        name: Module and attribute, with a colon between.
        example: Of such a name.

    Raises:
        InputError: The name is of no such form.
        ConfigurationError: There is no such module or attribute.
    """
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise InputError(f"{option} is module:attribute, such as {example}; got {name}")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise
        raise ConfigurationError(
            f"{option} {name}: there is no module {error.name!r} in this folder or installed"
        ) from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise ConfigurationError(f"{option} {name}: {found!r} has no attribute {part!r}")
        found = getattr(found, part)
    return found


def called(option: str, name: str, factory: Any, what: str) -> Any:
    """Return what a function of the user's returns that was named to make something.

    Args:
        option: Which option of the command names it.
        name: Its name there.
        factory: The function.
        what: What it is to make.

    Raises:
        ConfigurationError: It wants arguments.
    """
    try:
        inspect.signature(factory).bind()
    except TypeError:
        raise ConfigurationError(
            f"{option} {name} wants arguments; name {what}, or a function that takes none"
        ) from None
    return factory()
