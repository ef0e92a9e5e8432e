"""The part of docs/performance.md that `make bench-profile` writes."""

from collections.abc import Iterable, Iterator

from bench.report.goals import GOALS
from bench.report.stack_samples import StackSamples
from bench.scenarios.profiling import Profile
from bench.scenarios.results import HOLD_FILE, RESULTS_FILE, Results


def lines(date: str, profiles: Iterable[Profile]) -> Iterator[str]:
    """Yields the page's part: for each workload its cost by kind and by function, and the goals not reached."""
    yield f"Of {date}, what each workload costs, measured without py-spy, and the shares of its parts, by py-spy."
    for profile in profiles:
        yield from _workload(profile)
    if missed := list(_missed_goals()):
        yield from ("", f"Not at their goals, by the last `make bench`: {'; '.join(missed)}.")


def _workload(profile: Profile) -> Iterator[str]:
    workload, samples = profile.workload, StackSamples(profile.stacks)
    yield from ("", f"**{workload.name}**, {workload.readers:,} readers; what it costs is in {workload.unit}.")
    yield f"{profile.each:,.2f} in all, of which {profile.kernel:.0%} in the kernel:"
    yield from ("", *samples.by_kind(profile.main_thread, profile.each))
    yield from ("", f"The functions that the loop's thread was in ({profile.main_thread:.0%} of all):")
    yield from ("", "```", *samples.by_function(), "```")


def _missed_goals() -> Iterator[str]:
    if RESULTS_FILE.exists():
        results = Results.read()
        results.read_held(HOLD_FILE)
        for goal in GOALS:
            what, ours, _, aim, reached = goal.row(results)
            if aim and reached not in ("goal", "not measured"):
                yield f"{what.removeprefix('... ')} {ours} ({aim})"
