"""``python -m modal_loopback STATE_DIR [PLACE=SOURCE ...]``: serve until standard input ends.

Prints one line of JSON with the addresses. Each ``PLACE=SOURCE`` shows a folder of the machine
in every container.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from .server import LoopbackServer, wait_for_end


async def serve(state: Path, binds: dict[str, str]) -> None:
    """Serve one state folder."""
    loop, end = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    loop.add_reader(sys.stdin.fileno(), lambda: os.read(sys.stdin.fileno(), 4096) or end.set())
    parent = os.getppid()
    server = LoopbackServer(state, binds)
    print(json.dumps(await server.start()), flush=True)
    await wait_for_end(end, parent, os.getppid)
    await server.stop()


def main() -> None:
    """Read the arguments."""
    binds = dict(one.split("=", 1) for one in sys.argv[2:])
    asyncio.run(serve(Path(sys.argv[1]).resolve(), binds))


main()
