"""Starts the AWS emulator with its gaps mended.

    launcher.py [--without NAME]...

Each file in mends/ closes one gap; --without leaves one out, which is how its test shows that it is needed.
The emulator listens on 127.0.0.1, on the port of GATEWAY_PORT or a free one, and says which on its first line of
output: {"port": N}. It ends, with all Lambda processes it started, on SIGTERM and when standard input closes: so
also when the process that started it dies, however it dies.
"""

import argparse
import asyncio
import importlib
import json
import os
import pkgutil
import signal
import socket
import sys
import threading

import mends

VERSION = "1.5.33"


def main() -> None:
    left_out = arguments().without
    listener = socket.socket()
    # Bound here and not by the server, which shares ports: two emulators on one port would take turns in answering.
    listener.bind(("127.0.0.1", int(os.environ.get("GATEWAY_PORT", "0"))))
    port = listener.getsockname()[1]
    os.environ["GATEWAY_PORT"] = str(port)

    mend(left_out)
    print(json.dumps({"port": port}), flush=True)
    asyncio.run(serve(listener))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--without", action="append", default=[], metavar="NAME", choices=names())
    return parser.parse_args()


def names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(mends.__path__))


def mend(left_out: list[str]) -> None:
    from importlib.metadata import version

    if version("ministack") != VERSION:
        raise SystemExit(f"The mends were written for ministack {VERSION}, installed is {version('ministack')}.")
    for name in names():
        if name not in left_out:
            importlib.import_module(f"mends.{name}").mend()


async def serve(listener: socket.socket) -> None:
    from hypercorn.asyncio import serve as hypercorn
    from hypercorn.config import Config
    from ministack.app import app

    signal.signal(signal.SIGTERM, lambda *_: end())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C belongs to the process that started us
    threading.Thread(target=end_with_parent, daemon=True).start()

    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    await hypercorn(app, config, shutdown_trigger=asyncio.Event().wait)


def end_with_parent() -> None:
    while sys.stdin.buffer.read(4096):
        pass
    end()


def end() -> None:
    """Nothing is worth saving: state lives in memory. What matters is that no Lambda goes on working."""
    from ministack.core import lambda_runtime

    for worker in [worker for pool in list(lambda_runtime._workers.values()) for worker in pool]:
        process = worker._proc
        if process is not None:
            process.kill()
            process.wait()
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)  # also what a Lambda has started
    os._exit(0)


if __name__ == "__main__":
    main()
