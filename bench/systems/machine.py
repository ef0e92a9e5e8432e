"""The machine: which core each process runs on, what processes have used of it, and a description of it."""

import os
import platform
import resource
import socket
from collections.abc import Iterable
from pathlib import Path

from bench import MeasurementError

_CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE = _CORES[0]  # the measured server has this one to itself
SHARED_CORE = _CORES[min(1, len(_CORES) - 1)]  # readers, publishers, PostgreSQL, Redis, and the measuring process
SPARE_DESCRIPTORS = 500  # open files of a server beside the sockets of its readers


def pin(pid: int, core: int) -> None:
    """Pins a process and all its threads to a core; threads and children started later inherit it."""
    for task in _tasks(pid):
        os.sched_setaffinity(int(task.name), {core})


def unpin() -> None:
    """Lets this process, and the children it starts from now on, run on all cores again."""
    os.sched_setaffinity(0, _CORES)


def prepare(readers: int) -> None:
    """Pins this process to the shared core and raises its limit of open files to fit `readers` sockets.

    Children inherit both. Raises MeasurementError if the account may not open as many files.
    """
    os.sched_setaffinity(0, {SHARED_CORE})  # a server is moved once it runs
    hard_limit = max_open_files()
    if readers > max_readers():
        needed = readers + SPARE_DESCRIPTORS
        raise MeasurementError(
            f"{readers} readers need {needed} open files; this account may have {hard_limit} (ulimit -Hn)."
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard_limit, readers + SPARE_DESCRIPTORS), hard_limit))


def max_open_files() -> int:
    """Returns how many files a process of this account may open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def max_readers() -> int:
    """Returns how many readers one process may hold: each is an open file."""
    return max_open_files() - SPARE_DESCRIPTORS


def cpu_seconds(pids: Iterable[int]) -> float:
    """Returns the processor time, user and system, that the processes have used."""
    return sum(_run_nanoseconds(task) for pid in pids for task in _tasks(pid)) / 1e9


def main_thread_and_all_seconds(pid: int) -> tuple[float, float]:
    """Returns the processor time of a process's first thread, and of all its threads."""
    return _run_nanoseconds(Path(f"/proc/{pid}/task/{pid}")) / 1e9, cpu_seconds([pid])


def kernel_seconds(pid: int) -> float:
    """Returns the system time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[12]) / os.sysconf("SC_CLK_TCK")


def resident_kilobytes(pids: Iterable[int]) -> int:
    """Returns the resident memory of the processes."""
    return sum(_status(pid, "VmRSS") for pid in pids)


def free_port() -> int:
    """Returns a port of 127.0.0.1 on which no process listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def accepts_connections(port: int) -> bool:
    """Returns whether a process accepts connections on a port of 127.0.0.1."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def description() -> str:
    """Returns what figures depend on: cores, memory, kernel and Python, without the machine's name."""
    memory = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    processor = model[0].partition(":")[2].strip() if model else platform.machine()
    return (
        f"{len(_CORES)} cores ({processor}), {round(int(memory.split()[1]) / 2**20)} GB, "
        f"Linux {platform.release()}, CPython {platform.python_version()}"
    )


def _tasks(pid: int) -> list[Path]:
    return list(Path(f"/proc/{pid}/task").iterdir())


def _run_nanoseconds(task: Path) -> int:
    """Returns the processor time of a thread; 0 if it has just ended."""
    try:
        return int((task / "schedstat").read_text().split()[0])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    return 0
