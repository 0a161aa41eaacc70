"""A campaign against a server of its own, and what is left of the server afterwards."""

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from declarations import stage
from fuzz.campaign import Campaign, Report
from operations.faithful import Witness
from operations.scene import Scene, build
from serving import Server

# What would ask other services finds nobody; who is judged by policies may ask as often as root.
SURROUNDINGS = ("env", "AWS_ENDPOINT_URL=http://127.0.0.1:9", "PENSTOCK_REQUESTS_PER_SECOND=0")
# With these, what glibc has taken back goes to the system at once. Left to itself it raises both thresholds with the largest
# piece that was ever given back, and then keeps what the worst coincidence of large requests took, tens of MiB: resident memory
# would tell of that coincidence, and not of what the server holds.
GIVING_BACK = ("MALLOC_TRIM_THRESHOLD_=131072", "MALLOC_MMAP_THRESHOLD_=131072", "MALLOC_ARENA_MAX=2")
OPTIONS = ("--executor", "off", "--ack-timeout", "1", "--continuation-delay", "0.05")
GROWTH_MIB_MAX = 30.0
# Of the two halves after the warm-up, the second may not go on growing.
SECOND_HALF_MIB_MAX = 15.0


def run(folder: Path, *, seed: int, count: int) -> Report:
    """So many requests, and then: a pipeline runs through, the log tells of no fault, the database is sound, memory is as
    it was. What is not so is among the report's findings."""
    server = Server(folder / "data", *OPTIONS, prefix=(*SURROUNDINGS, *GIVING_BACK))
    try:
        campaign = Campaign(server, seed, count)
        asyncio.run(campaign.drive())
        wrong = [*_broken(server), *_grown(campaign.report)]
    finally:
        code = server.stop()
    wrong += [*([f"the server ended with {code}"] if code else []), *_told_faults(server), *_unsound(server)]
    for each in wrong:
        campaign.report.note(each)
    return campaign.report


def _broken(server: Server) -> Iterator[str]:
    """In a region of its own, a pipeline is made, started and worked off."""
    witness = Witness()
    scene = Scene(server, witness)
    scene.types()
    scene.pipeline("after", stage("Build", build("Make")))
    for provider in ("Origin", "Builder"):
        scene.work(provider)
    if scene.statuses("after") != ["Succeeded"]:
        yield f"a pipeline does not run through: {scene.statuses('after')}"
    yield from witness.complaints


def _grown(report: Report) -> Iterator[str]:
    warm, half, end = report.memory_mib
    if end - warm > GROWTH_MIB_MAX:
        yield f"the server has grown by {end - warm:.1f} MiB"
    if end - half > SECOND_HALF_MIB_MAX:
        yield f"the server goes on growing, by {end - half:.1f} MiB in the second half"


def _told_faults(server: Server) -> Iterator[str]:
    log = server.log()
    if "Traceback" in log or " ERROR " in log or "Exception" in log:
        lines = log.splitlines()
        first = next(
            number
            for number, line in enumerate(lines)
            if any(word in line for word in ("Traceback", " ERROR ", "Exception"))
        )
        yield "the server's log tells of a fault:\n" + "\n".join(lines[max(first - 2, 0) : first + 40])


def _unsound(server: Server) -> Iterator[str]:
    database = sqlite3.connect(f"file:{server.data_dir / 'penstock.db'}?mode=ro", uri=True)
    try:
        found = database.execute("PRAGMA integrity_check").fetchall()
        if found != [("ok",)]:
            yield f"the database is not sound: {found[:5]}"
        if astray := database.execute("PRAGMA foreign_key_check").fetchall():
            yield f"rows of the database refer to nothing: {astray[:5]}"
    finally:
        database.close()
