"""Follows docs/tutorial.md to the letter: runs its `sh` blocks in one shell and compares with its `text` blocks.

    python3 tests/tutorial/follow.py [--page docs/tutorial.md]

A line of a `text` block must be printed by the block of commands before it, in order; `…` matches anything. Installs packages
and fetches Python's as the page says, so it is not among the tests of `./dev test`. Needs root, a clone as working directory
and the port 8080. Exits 1 at the first block that prints something else.
"""

import argparse
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCK_SECONDS = 1800


def steps(page):
    """(commands, lines expected) for each `sh` block."""
    found = []
    for kind, text in BLOCK.findall(page):
        if kind == "sh":
            found.append((text, []))
        elif kind == "text" and found:
            found[-1] = (found[-1][0], text.splitlines())
    return found


def matches(expected, line):
    return re.fullmatch(".*".join(re.escape(part) for part in expected.split("…")), line) is not None


def first_missing(expected, printed):
    """The first expected line that is not printed after those before it; None when all are."""
    lines = iter(printed)
    for wanted in expected:
        if not any(matches(wanted, line) for line in lines):
            return wanted
    return None


class Shell:
    """One bash with job control that lives as long as the page."""

    def __init__(self):
        self.process = subprocess.Popen(["bash", "-m"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, start_new_session=True)

    def run(self, commands, number):
        """Lines that the commands print."""
        end = f"--- end of block {number} ---"
        self.process.stdin.write(f"{commands}\nprintf '\\n%s\\n' '{end}'\n")
        self.process.stdin.flush()
        printed = []
        for line in self.process.stdout:
            if line.rstrip("\n") == end:
                return printed
            printed.append(line.rstrip("\n"))
        sys.exit(f"block {number}: the shell ended")

    def close(self):
        """Ends the shell and what it left running in the background."""
        self.process.stdin.write("trap - EXIT; kill -9 $(jobs -p) 2>/dev/null; exit\n")
        self.process.stdin.close()
        self.process.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--page", type=pathlib.Path, default=pathlib.Path("docs/tutorial.md"))
    shell = Shell()
    signal.signal(signal.SIGALRM, lambda *_: (os.killpg(shell.process.pid, signal.SIGKILL), sys.exit("no end in sight")))
    blocks = steps(parser.parse_args().page.read_text())
    for number, (commands, expected) in enumerate(blocks, 1):
        signal.alarm(BLOCK_SECONDS)
        began = time.monotonic()
        printed = shell.run(commands, number)
        missing = first_missing(expected, printed)
        print(f"block {number} of {len(blocks)}: {time.monotonic() - began:.0f} s", flush=True)
        if missing is not None:
            print(f"expected: {missing}\nprinted:", *printed, sep="\n")
            shell.close()
            sys.exit(1)
    signal.alarm(0)
    shell.close()
    print(f"{len(blocks)} blocks followed")


if __name__ == "__main__":
    main()
