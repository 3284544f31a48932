"""Every error that holdfast raises on purpose.

    HoldfastError
    ├── ConfigurationError      a manager, template or command was set up wrongly
    │   ├── SchemaError         a schema cannot serve as the shape of a memory
    │   └── WordingError        a text for models lacks a variable, or has one too many
    ├── InputError              what was handed in cannot be read (also a ValueError)
    ├── ModelAnswerError        a model's answer could not be used, also when asked again
    ├── EmbedderFailed          an embedder raised, was too slow, or gave no usable vectors
    ├── JobFailed               a job was given up, in this process or in another
    └── StoreError              a store cannot do what was asked
        ├── StoreUnreadable     the file is not one of ours, or is damaged
        ├── StoreTooNew         the file was written by a newer holdfast
        ├── StoreBusy           another process held the store for too long
        ├── StoreClosed         the store was used after close()
        ├── StoreLost           the connection to the database broke
        ├── ClaimLost           a job is another worker's by now
        └── OutOfScope          a fenced store was asked for what is outside of its fence

Errors of a chat model's provider (401, 429, timeouts) are never wrapped: they reach the caller as
the provider's own. Those of an embedder are the cause (`__cause__`) of EmbedderFailed.
"""


class HoldfastError(Exception):
    """Base of all errors that holdfast raises; catch it to catch them all."""


class ConfigurationError(HoldfastError):
    """A manager, template or command was set up in a way that cannot work.

    The message names the setting, the value it has, and what to set instead.
    """


class SchemaError(ConfigurationError):
    """A schema cannot serve as the shape of a memory.

    The message names the schema, what is wrong with it, and which forms are accepted.
    """


class WordingError(ConfigurationError):
    """A text for models was asked for by a wrong name, or with wrong variables."""


class InputError(HoldfastError, ValueError):
    """What was handed in cannot be read; nothing of it was stored.

    The message names the place (message number, field) and what was expected there.
    """


class ModelAnswerError(HoldfastError):
    """A model's answer could not be used, also after it was asked again.

    The message says what was wrong with it; errors of the provider are never this.
    """


class EmbedderFailed(HoldfastError):
    """The embedder raised, was too slow, or gave vectors that cannot be used.

    The message names the embedder; what it raised is the cause of this error.
    """


class JobFailed(HoldfastError):
    """A job was given up; the message says after how many attempts, and what the last one met.

    What it was about is still in the store: `holdfast jobs retry` tries it again.
    """


class StoreError(HoldfastError):
    """A store cannot do what was asked; nothing was half-written."""


class StoreUnreadable(StoreError):
    """The file is not a holdfast store, or is damaged; it was left as it is."""


class StoreTooNew(StoreError):
    """The file was written by a newer holdfast; upgrade the package to open it."""


class StoreBusy(StoreError):
    """Another process held the store for longer than the busy timeout; try again."""


class StoreClosed(StoreError):
    """The store was used after `close()`; open it again with `open_store`."""


class StoreLost(StoreError):
    """The connection to the database broke; the message says what is known of the last write."""


class ClaimLost(StoreError):
    """A job that a worker had was taken over or cancelled meanwhile; nothing was written."""


class OutOfScope(StoreError):
    """A fenced store was asked for what is outside of its fence; nothing was read or written."""


def cut(text: str, most: int) -> str:
    """Return a text, cut where it is longer than an error's line should hold.

    Example:
        >>> cut("a long story", 8)
        'a lon...'
    """
    return text if len(text) <= most else f"{text[: most - 3]}..."


def shown(value: object, most: int = 120) -> str:
    """Return a value as an error shows it.

    Example:
        >>> shown("tea")
        "'tea'"
    """
    try:
        return cut(repr(value), most)
    except RecursionError:
        return f"a {type(value).__name__}, nested too deeply to be shown"
    except ValueError:
        return f"a {type(value).__name__} of too many digits to be shown"
