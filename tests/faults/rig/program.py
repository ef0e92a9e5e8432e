"""One process of the rig, which can be killed, paused and started again."""

import contextlib
import os
import signal
import subprocess

from realtime.embedded.child import Child

STOP_TIMEOUT_SECONDS = 5


class Program:
    """A process, which starts at once and can be started again after its end."""

    def __init__(self, child: Child) -> None:
        self.name = child.name
        self._child = child
        self.process = child.spawn()

    def start(self) -> None:
        self.process = self._child.spawn()

    def kill(self) -> None:
        """Kills the process and its children at once, as when the machine fails."""
        family = self.family()
        for pid in family:
            self.send(pid, signal.SIGKILL)
        self.process.wait()

    def pause(self) -> None:
        """Stops the process and its children by SIGSTOP, until `resume`."""
        for pid in self.family():
            self.send(pid, signal.SIGSTOP)

    def resume(self) -> None:
        for pid in self.family():
            self.send(pid, signal.SIGCONT)

    def stop(self) -> None:
        """Ends the process in order, or kills it after STOP_TIMEOUT_SECONDS."""
        self.resume()
        self.send(self.process.pid, self._child.stop_signal)
        try:
            self.process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    @staticmethod
    def send(pid: int, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # the process has ended
            os.kill(pid, number)

    def family(self) -> list[int]:
        """Returns the pids of the process and its children, the parent first: it would start children again."""
        return [self.process.pid, *children(self.process.pid)]


def children(pid: int) -> list[int]:
    """Returns the pids of a process's children."""
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in found.stdout.split()]
