"""The bell, to the channel layer as configured, over a real Valkey."""

import asyncio
import os
import subprocess
import sys

import pytest
import redis
from channels.layers import get_channel_layer
from django.conf import settings

from realtime.bell import GROUP, Bell, bell, listen
from tests.waiting import PATIENCE

RING_AND_EXIT = """
import django; django.setup()
from channels.layers import get_channel_layer
from realtime.bell import bell
get_channel_layer()  # what is imported for it may take longer than an exit waits
bell.ring()
"""
# each time when it is told to: rings that come together are heard as one
RING_FORK_AND_RING = """
import os
import django; django.setup()
from realtime.bell import bell
def ring(): os.read(0, 1); bell.ring(); bell.flush()
ring(); ring()
if not (child := os.fork()): ring(); os._exit(0 if bell.sent == 1 and not bell.failed else 1)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
ring(); os._exit(code)
"""


class Listener:
    """A listener that counts rings, and lets a test wait for them."""

    def __init__(self) -> None:
        self.heard = 0
        self.changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def __call__(self) -> None:
        self.heard += 1
        self._loop.call_soon_threadsafe(self.changed.set)

    async def until(self, times: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.heard < times:
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture
async def listener():
    heard = Listener()
    task = asyncio.create_task(listen(heard))
    await heard.until(1)  # the call that says: look, you may have missed something
    yield heard
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_ring_is_heard(listener):
    bell.ring()
    await listener.until(2)


async def test_a_thousand_rings_are_heard_as_a_few(listener):
    own = Bell()
    own.ring()
    own.flush()
    for _ in range(1000):
        own.ring()
    await listener.until(2)
    bell.ring()  # behind them
    await listener.until(3)
    assert own.sent > 900
    assert listener.heard < 100


async def test_a_ring_is_a_message_to_the_layers_group(listener):
    layer = get_channel_layer()
    mailbox = await layer.new_channel()
    await layer.group_add(GROUP, mailbox)
    bell.ring()
    async with asyncio.timeout(PATIENCE):
        assert await layer.receive(mailbox) == {"type": "bell"}
    await listener.until(2)
    await layer.group_send(GROUP, {"type": "bell"})
    await listener.until(3)
    await layer.flush()


async def test_whoever_is_cut_off_rings_and_hears_again(listener):
    bell.ring()
    bell.flush()
    await listener.until(2)
    with redis.Redis.from_url(settings.REDIS_URL) as server:
        for client in server.client_list():
            if client["id"] != str(server.client_id()):
                server.client_kill_filter(_id=client["id"])
    await listener.until(3)  # it listens again
    before = listener.heard
    async with asyncio.timeout(PATIENCE):
        while listener.heard == before:
            bell.ring()  # the first finds that it is cut off, and opens another line
            await asyncio.sleep(0.05)
    assert not bell.doubt


async def run(program: str) -> asyncio.subprocess.Process:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "realtime.settings"}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, env=environment, stdin=asyncio.subprocess.PIPE
    )


async def test_a_process_that_ends_right_after_is_heard(listener):
    child = await run(RING_AND_EXIT)
    assert await child.wait() == 0
    await listener.until(2)


async def test_a_process_and_its_fork_are_heard(listener):
    parent = await run(RING_FORK_AND_RING)
    for _ in range(4):
        before = listener.heard
        parent.stdin.write(b"!")
        await listener.until(before + 1)
    assert await parent.wait() == 0


def test_ringing_without_redis_neither_fails_nor_waits():
    program = "from django.conf import settings; import django; django.setup()\n" + RING_AND_EXIT
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "realtime.settings",
            "REDIS_URL": "unix:///nowhere/valkey.sock?db=0",
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
