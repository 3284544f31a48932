"""A script that ends while one of its reflections waits, and another is asked of a model.

    python fault_ending.py ORDERS

ORDERS is a store's address, a folder and settings, as JSON. It shuts nothing down; whether the
store is closed is part of the orders.
"""

import json
import sys
import time
from pathlib import Path

from fault_processes import Orders
from fault_reflecting import manager_of, noted, said_in, until

from holdfast import ReflectionExecutor

SLOW = 30.0
"""Seconds that its model takes to answer: longer than anybody waits for a script to end."""


def main():
    """Submit, wait until the model was asked, and end."""
    url, folder, settings, closes = json.loads(sys.argv[1])
    orders = Orders(url, Path(folder), "script", 0, settings=settings)
    store = orders.open()
    executor = ReflectionExecutor(manager_of(orders, SLOW), store=store, lease=2.0)
    executor.submit(*said_in(1, "later in t1"), after_seconds=60)
    executor.submit(*said_in(2, "now in t2"))
    until(lambda: noted(orders, "script", "calls"))
    if closes:
        store.close()
    print(time.time())


if __name__ == "__main__":
    main()
