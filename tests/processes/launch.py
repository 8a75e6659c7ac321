"""A launcher by variables alone, as a user has who sets them by hand: RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT.

    python3 tests/processes/launch.py 4 COMMAND…
    python3 tests/processes/launch.py 1 COMMAND… : 1 OTHER COMMAND…

Hands SIGTERM and SIGINT on, and ends nobody: where a process fails the others must end by themselves. Whoever has not done so ten
seconds after the first one that failed is killed, and it is said which. Its exit code is that of the first one that failed.
"""

import os
import signal
import subprocess
import sys
import time

from reserved_port import number_of, reserve_port

SECONDS_TO_END = 10.0


def commands_of(arguments):
    """A command for each process."""
    commands = []
    while arguments:
        end = arguments.index(":") if ":" in arguments else len(arguments)
        commands += int(arguments[0]) * [arguments[1:end]]
        arguments = arguments[end + 1:]
    return commands


def start_all(commands, port):
    """So many processes that find each other at this port."""
    common = os.environ | {"WORLD_SIZE": str(len(commands)), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return [subprocess.Popen(command, env=common | {"RANK": str(rank)}) for rank, command in enumerate(commands)]


def code_of_first_failure(processes):
    """Waits for all of them."""
    failed, code, left = None, 0, dict(enumerate(processes))
    while left:
        for rank, process in list(left.items()):
            if process.poll() is None:
                continue
            del left[rank]
            if process.returncode != 0 and failed is None:
                failed, code = time.monotonic(), process.returncode
        if failed is not None and time.monotonic() - failed > SECONDS_TO_END:
            for rank, process in left.items():
                print(f"launch: process {rank} had not ended", file=sys.stderr)
                process.kill()
            failed = time.monotonic()
        time.sleep(0.01)
    return code if code >= 0 else 128 - code


def main():
    port = reserve_port()  # until all have ended
    processes = start_all(commands_of(sys.argv[1:]), number_of(port))

    def hand_on(number, _):
        for process in processes:
            process.send_signal(number)

    signal.signal(signal.SIGTERM, hand_on)
    signal.signal(signal.SIGINT, hand_on)
    return code_of_first_failure(processes)


if __name__ == "__main__":
    sys.exit(main())
