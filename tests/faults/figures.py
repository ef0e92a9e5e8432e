"""Measures the figures of docs/reliability.md, each by one command, on servers of its own.

A command says which bounds are missed, and returns 1 if any is.

python -m tests.faults.figures cuts [--readers 1000] [--events 1200] [--faults]
python -m tests.faults.figures bad [--readers 900] [--bad 50]
python -m tests.faults.figures held [--seconds 30]
"""

import argparse
import asyncio
import os
import random
import resource
import sys
from contextlib import AsyncExitStack

import django

from tests.faults.judge.expectations import Expectations
from tests.faults.rig.rig import Rig

MAX_OPEN_FILES = 16_384


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.figures")
    parser.add_argument("figure", choices=("cuts", "bad", "held"))
    parser.add_argument("--readers", type=int)
    parser.add_argument("--events", type=int, default=1200)
    parser.add_argument("--rate", type=float, default=10.0, help="events a second")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--bad", type=int, default=50, help="readers who stall, and as many who trickle")
    parser.add_argument("--seconds", type=float, default=30.0, help="that a transaction stays open")
    parser.add_argument("--faults", action="store_true", help="flush and restart Redis, and kill an edge, meanwhile")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(MAX_OPEN_FILES, hard), hard))
    random.seed(options.seed)
    found = asyncio.run(_run(options))
    sys.stdout.write("".join(line + "\n" for line in found.lines))
    return 1 if found.missed else 0


async def _run(options: argparse.Namespace) -> Expectations:
    async with AsyncExitStack() as exits:
        rig = await exits.enter_async_context(Rig(edges=2 if options.figure == "cuts" else 1, shared=True))
        os.environ.update(rig.environment, DJANGO_ALLOW_ASYNC_UNSAFE="1")
        django.setup()
        from tests.faults import isolation, open_transaction, recovery

        rig.prepare()
        rig.serve()
        figures = {"cuts": recovery.measure, "bad": isolation.measure, "held": open_transaction.measure}
        return await figures[options.figure](rig, options)


if __name__ == "__main__":
    sys.exit(main())
