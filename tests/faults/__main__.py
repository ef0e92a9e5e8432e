"""The fault run: writers write and readers read while every server is killed; at the end all is compared.

    python -m tests.faults [--seconds 60] [--seed 1] [--writers 12] [--transactions N] [--broken BUILD]

It starts servers of its own. With --transactions it ends when the writers have made as many.
"""

import argparse
import asyncio
import os
import sys
import time
from contextlib import AsyncExitStack

import django

from tests.faults.rig.rig import Rig
from tests.journey.wire import Wire


def main() -> int:
    options, began = _options(), time.monotonic()
    mistakes = asyncio.run(_run(options))
    _say(f"{time.monotonic() - began:.0f} s in all, seed {options.seed}: {mistakes or 'no'} mistakes")
    if mistakes:
        _say(f"Replay: python -m tests.faults {' '.join(sys.argv[1:])} --seed {options.seed}")
    return 1 if mistakes else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults",
        description="Kills servers while writers write, and compares what readers received.",
    )
    parser.add_argument("--seconds", type=float, default=60, help="of faults")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--writers", type=int, default=12)
    parser.add_argument("--transactions", type=int, default=0, help="of all writers; 0: as many as --seconds allow")
    parser.add_argument("--pause", type=float, default=0.1, help="seconds between two of a writer, on average")
    parser.add_argument("--often", type=float, default=1.0, help="seconds between two faults, on average")
    parser.add_argument("--broken", default="", help="a build of tests/faults/rig/broken_builds.py")
    return parser.parse_args()


async def _run(options: argparse.Namespace) -> int:
    async with AsyncExitStack() as exits:
        rig = await exits.enter_async_context(Rig(broken=options.broken))
        # this process is one of the rig's: it migrates and compares with Django, on its only thread
        os.environ.update(rig.environment, DJANGO_ALLOW_ASYNC_UNSAFE="1")
        django.setup()
        from tests.faults.run import FaultRun

        rig.prepare()
        rig.serve()
        rig.work()
        wires = [exits.enter_context(Wire(port)) for port in rig.ports]
        verdict = await FaultRun(rig, wires, options).run()
        _say("\n".join([*verdict.sentences, *(f"{number} {what}" for what, number in verdict.counts())]))
        return verdict.mistakes.total()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
