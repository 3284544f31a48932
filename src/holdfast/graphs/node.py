"""What the nodes of our graphs share: errors that reach whoever called."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig

from holdfast.errors import ConfigurationError, InputError
from holdfast.flow import Flow, FlowRunnable

Output = TypeVar("Output")


class Node(FlowRunnable[Any, Output]):
    """A node whose work is a flow, and whose whole set-up comes in with each run."""

    @abstractmethod
    def work(self, input: Any, config: RunnableConfig) -> Flow[Output]:
        """Return the work for one input as a flow."""

    def flow(self, input: Any, config: RunnableConfig) -> Flow[Output]:
        """Return the work as a flow; what is wrong with the set-up is an error of the input.

        A server tells a client what a ValueError says, and of other errors their name alone.
        """
        try:
            return (yield from self.work(input, config))
        except ConfigurationError as error:
            raise InputError(str(error)) from error
