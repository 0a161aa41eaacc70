"""One entry point under atheris, which looks for inputs that reach code that no input has reached before.

    python -m fuzz.guided ENTRY SECONDS FOLDER SEED

The corpus that it gathers stays in the folder and is where the next run begins; an input that fails is written there too.
"""

import sys
from pathlib import Path

import atheris  # type: ignore[import-untyped]

MIB_MAX = 2048
INPUT_SECONDS_MAX = 20
# A guided run that stops at the first fault finds one a run, which is one a mended fault: enough.
CODE_OF_FAULTS = 77


def corpus(folder: Path, seeds: list[bytes]) -> Path:
    """The inputs to begin with, one a file."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (folder / f"seed-{number}").write_bytes(seed)
    return folder


def dictionary(path: Path, words: list[bytes]) -> Path:
    """The words as libFuzzer reads them; it takes no long ones."""
    lines = ['"' + "".join(f"\\x{byte:02x}" for byte in word) + '"' for word in words if len(word) <= 64]
    path.write_text("\n".join(lines) + "\n")
    return path


def main(name: str, seconds: str, folder: str, seed: str) -> None:
    with atheris.instrument_imports(include=["penstock"]):
        from fuzz.entries import entry

        fuzzed = entry(name)
    home = Path(folder) / name
    inputs = corpus(home / "corpus", list(fuzzed.seeds))
    findings = home / "findings"
    findings.mkdir(exist_ok=True)
    flags = {
        "max_total_time": seconds,
        "seed": seed,
        "dict": dictionary(home / "words", list(fuzzed.words)),
        "artifact_prefix": f"{findings}/",
        "rss_limit_mb": MIB_MAX,
        "timeout": INPUT_SECONDS_MAX,
        "error_exitcode": CODE_OF_FAULTS,
        "print_final_stats": 1,
    }
    atheris.Setup([sys.argv[0], *(f"-{flag}={value}" for flag, value in flags.items()), str(inputs)], fuzzed.check)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
