"""`make fuzz`: requests over HTTP, then each entry point by itself. Ends with 1 if anything is found.

Findings lie under --folder: `requests/` holds the requests whose answers were wrong, `ENTRY/findings/` the inputs.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from random import SystemRandom

from fuzz.aftermath import run
from fuzz.blind import feed
from fuzz.entries import ENTRIES, entry

REQUESTS = 100_000
SECONDS = 150
STARTING_SECONDS_MAX = 120


def main() -> int:
    options = read_options()
    say(f"seed {options.seed}")
    found = 0
    if options.requests:
        found += fuzz_requests(options.folder / "requests", options.seed, options.requests)
    for name in options.entries if options.seconds else ():
        found += fuzz_entry(name, options.folder, options.seed, options.seconds)
    say(f"{found} findings in all" if found else "nothing found")
    return 1 if found else 0


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=REQUESTS, metavar="N", help="over HTTP; 0 leaves that out")
    parser.add_argument(
        "--seconds", type=int, default=SECONDS, metavar="N", help="for each entry point; 0 leaves them out"
    )
    parser.add_argument(
        "--entries", nargs="*", choices=sorted(ENTRIES), default=list(ENTRIES), help="all, unless named"
    )
    parser.add_argument(
        "--seed", type=int, default=SystemRandom().randrange(2**31), help="another each time, unless given"
    )
    parser.add_argument("--folder", type=Path, default=Path(".fuzz"), help="where findings and corpora are kept")
    return parser.parse_args()


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def fuzz_requests(folder: Path, seed: int, count: int) -> int:
    with tempfile.TemporaryDirectory() as temporary:
        report = run(Path(temporary), seed=seed, count=count)
    say(f"requests: {report}")
    for number, (times, what, about) in enumerate(report.findings.values()):
        path = folder / f"{seed}-{number}"
        kept(path, about)
        say(f"{times} times, the first one in {path}: {what}")
    return len(report.findings)


def fuzz_entry(name: str, folder: Path, seed: int, seconds: int) -> int:
    """By coverage where atheris can be had, else without a look at it."""
    shared_memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=shared_memory) as temporary:
        if find_spec("atheris") is None:
            say(f"{name}: atheris is not here, so the inputs are made without looking at what they reach")
            return fuzz_blindly(name, folder, seed, seconds)
        return fuzz_guided(name, folder, (seed, seconds), temporary)


def fuzz_guided(name: str, folder: Path, given: tuple[int, int], temporary: str) -> int:
    seed, seconds = given
    before = set((folder / name / "findings").glob("*"))
    command = [sys.executable, "-m", "fuzz.guided", name, str(seconds), str(folder), str(seed)]
    # A file, since a pipe that nobody reads would hold it up.
    log = folder / name / "log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as written:
        ended = subprocess.run(
            command,
            check=False,
            stdout=written,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TMPDIR": temporary},
            timeout=seconds + STARTING_SECONDS_MAX,
        )
    told = log.read_text(errors="replace")
    say(f"{name}: " + "; ".join(line for line in told.splitlines() if line.startswith(("stat::", "Done "))))
    new = sorted(set((folder / name / "findings").glob("*")) - before)
    if ended.returncode or new:
        say(f"{name}: ended with {ended.returncode}, see {log}; inputs: {', '.join(map(str, new)) or 'none'}")
        say(told[told.find(" === Uncaught") :][:3000])
    return max(len(new), 1 if ended.returncode else 0)


def fuzz_blindly(name: str, folder: Path, seed: int, seconds: int) -> int:
    fuzzed = entry(name)
    outcome = feed(fuzzed, seed=seed, seconds_max=seconds)
    fuzzed.close()
    say(f"{name}: {outcome.inputs} inputs in {seconds} s")
    for number, fault in enumerate(outcome.faults):
        path = folder / name / "findings" / f"{seed}-{number}"
        kept(path, fault.text)
        say(f"{path}: {fault.told}")
    return len(outcome.faults)


def kept(path: Path, text: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)


if __name__ == "__main__":
    sys.exit(main())
