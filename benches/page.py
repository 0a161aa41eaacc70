"""docs/benchmarks: the newest run as JSON, as a picture, and in the page between two marks."""

from pathlib import Path

from benches.grown import read
from benches.plot import drawn
from benches.results import Results, as_json
from benches.tables import tables

BEGIN, END = "<!-- the newest run -->\n", "<!-- up to here -->\n"


def with_growth(results: Results, folder: Path) -> None:
    """What `python -m benches.growth` wrote into the folder, if it has run."""
    found = read(folder)
    if isinstance(found, str):
        results.left_out["growth"] = found
    else:
        results.growth = found


def publish(results: Results, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_bytes(as_json(results) + b"\n")
    (folder / "results.svg").write_text(drawn(results))
    page = folder / "README.md"
    if page.exists():
        before, _, rest = page.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        page.write_text(before + BEGIN + "\n" + told(results) + "\n" + END + after)


def told(results: Results) -> str:
    """The run in Markdown."""
    machine = results.machine
    parts = [
        f"{results.made_at[:10]}, `{results.command}`: medians of {results.rounds} rounds of {results.seconds:g} s.",
        f"{machine['cores']} cores ({machine['processor']}), {machine['memory_gib']} GiB, {machine['system']}.",
        f"Files on {machine['file_system']}, where a flush of 4 KiB takes {machine['flush_ms']:g} ms.",
        f"Load of the machine before the run: {machine['load_before']:g}.\n",
    ]
    taken = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    parts.append(f"Versions: {taken}.\n")
    if results.left_out:
        parts.append("Left out: " + "; ".join(f"{name}, {why}" for name, why in results.left_out.items()) + ".\n")
    return "\n".join(parts + [table.as_markdown() for table in tables(results)])
