"""`python -m bench`: see the Makefile at the top for what each command is for."""

import argparse
import sys
import time

from bench import quick
from bench.processes import Failed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("quick", help="ours against the tutorial and the floor, in two minutes")
    parser.parse_args()
    began = time.monotonic()
    try:
        status = quick.run()
    except Failed as error:
        print(error)
        return 1
    print(f"Done after {time.monotonic() - began:.0f} s.")
    return status


if __name__ == "__main__":
    sys.exit(main())
