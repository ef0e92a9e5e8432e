"""`python -m tests.conformance URL`: does the deployment at URL keep the contract, on every transport?

Something has to be published while this runs. So it signs in through the form as a writer, who may
publish, edit and withdraw, and publishes short posts with tags that begin with `conformance-`. Each is
withdrawn at the end; their tombstones stay. Whoever has the front page open sees them come and go.
"""

import argparse
import sys
import time
import traceback

from tests.conformance import http_checks  # noqa: F401, it registers its checks
from tests.conformance.checks import CHECKS, EVERY
from tests.conformance.site import Site, Writer


def main() -> int:
    parser = argparse.ArgumentParser(
        "python -m tests.conformance", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url", help="where the deployment is, such as http://127.0.0.1:8000")
    parser.add_argument("--user", default="ada", help="a writer's user name (ada, as in the demo)")
    parser.add_argument("--password", default="stop-press", help="and password (stop-press, as in the demo)")
    parser.add_argument("--transport", choices=EVERY, action="append", help="only this one; may be repeated")
    parser.add_argument("--verbose", action="store_true", help="show where a check failed")
    options = parser.parse_args()
    writer = Writer(Site(options.url))
    try:
        writer.begin(options.user, options.password)
    except (AssertionError, OSError) as error:
        sys.exit(f"Cannot sign in at {options.url}: {error}")
    begun = time.monotonic()
    try:
        kept = [_kept(*each, writer, options.verbose) for each in _asked(options.transport or EVERY)]
    finally:
        writer.clear()
    failed = kept.count(False)
    _say(f"{len(kept)} checks, {failed} failed, in {time.monotonic() - begun:.0f} s.")
    return 1 if failed else 0


def _asked(transports):
    return [(check, name) for check in CHECKS for name in EVERY if name in check.transports and name in transports]


def _kept(check, transport: str, writer: Writer, verbose: bool) -> bool:
    try:
        check(writer, transport)
    except Exception as error:  # whatever a deployment makes of a check is its result, and the others go on
        _say(f"FAILED  {transport:<7} {check.sentence}\n        {type(error).__name__}: {str(error)[:300]}")
        if verbose:
            traceback.print_exc()
        return False
    _say(f"ok      {transport:<7} {check.sentence}")
    return True


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
