"""The figures of docs/reliability.md, each by one command. They start servers of their own.

python -m tests.faults.figures cuts [--readers 1000] [--events 1200] [--faults]
python -m tests.faults.figures bad [--readers 900] [--bad 50]
python -m tests.faults.figures rolling [--readers 2000]
python -m tests.faults.figures held [--seconds 30]
"""

import argparse
import asyncio
import os
import random
import resource
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import django

from tests.faults.rig import Rig

DESCRIPTORS = 16_384


def main() -> None:
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
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(DESCRIPTORS, hard), hard))
    random.seed(options.seed)
    asyncio.run(_run(options))


async def _run(options: argparse.Namespace) -> None:
    async with AsyncExitStack() as stack:
        rig = await stack.enter_async_context(Rig(edges=2 if options.figure == "cuts" else 1, shared=True))
        os.environ.update(rig.environment, DJANGO_ALLOW_ASYNC_UNSAFE="1")
        django.setup()
        from tests.faults import measure

        rig.prepare()
        rig.serve()
        figures: dict[str, Callable[..., Awaitable[dict[str, object]]]] = {
            "cuts": measure.cuts,
            "bad": measure.bad,
            "held": measure.held,
        }
        found = await figures[options.figure](rig, options)
        sys.stdout.write("".join(f"{name}: {value}\n" for name, value in found.items()))


if __name__ == "__main__":
    main()
