"""The machine: who runs on which core, what a process has used of it, and what it is."""

import os
import platform
import resource
import socket
from collections.abc import Iterable
from pathlib import Path

from bench import Failed

_CORES = sorted(os.sched_getaffinity(0))
SERVER = _CORES[0]  # the measured server has this one to itself
SPARE = 500  # descriptors of a server beside those of its readers
OTHERS = _CORES[min(1, len(_CORES) - 1)]  # readers, publishers, PostgreSQL, Redis, and who measures


def pin(pid: int, core: int) -> None:
    """Holds a process and all its threads on a core; what it starts later is held there too."""
    for task in _tasks(pid):
        os.sched_setaffinity(int(task.name), {core})


def cpu(pids: Iterable[int]) -> float:
    """Seconds of a core that the processes have used, their own and the kernel's for them."""
    return sum(_run(task) for pid in pids for task in _tasks(pid)) / 1e9


def loop_and_all(pid: int) -> tuple[float, float]:
    """Seconds of a core that a process's first thread has used, and all of them."""
    return _run(Path(f"/proc/{pid}/task/{pid}")) / 1e9, cpu([pid])


def in_kernel(pid: int) -> float:
    """Seconds of a core that the kernel has used for a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[12]) / os.sysconf("SC_CLK_TCK")


def resident(pids: Iterable[int]) -> int:
    """Kilobytes of memory."""
    return sum(_status(pid, "VmRSS") for pid in pids)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


def answers(port: int) -> bool:
    """Whether somebody accepts connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def description() -> str:
    """What the figures were measured on, for those who compare; no name of the machine."""
    memory = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    processor = model[0].partition(":")[2].strip() if model else platform.machine()
    return (
        f"{len(_CORES)} cores ({processor}), {round(int(memory.split()[1]) / 2**20)} GB, "
        f"Linux {platform.release()}, CPython {platform.python_version()}"
    )


def _tasks(pid: int) -> list[Path]:
    return list(Path(f"/proc/{pid}/task").iterdir())


def _run(task: Path) -> int:
    """Nanoseconds that a thread has run; 0 when it has just ended."""
    try:
        return int((task / "schedstat").read_text().split()[0])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    return 0


def release() -> None:
    """What is started from now on may run on all cores again."""
    os.sched_setaffinity(0, _CORES)


def most_files() -> int:
    """So many may a process of this account have open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def most_readers() -> int:
    """Each is an open file."""
    return most_files() - SPARE


def prepare(readers: int) -> None:
    """This process and all it starts, to the core of the others, and with descriptors for so many readers."""
    os.sched_setaffinity(0, {OTHERS})  # a server is moved once it runs
    most = most_files()
    if readers > most_readers():
        raise Failed(f"{readers} readers need {readers + SPARE} open files; this account may have {most} (ulimit -Hn).")
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, readers + SPARE), most))
