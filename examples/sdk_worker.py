"""A worker of a custom action in a few lines: with penstock.worker, polling, claiming and reporting are not its concern.

In this folder: penstock worker run sdk_worker:shout
"""

import tempfile
from pathlib import Path

from penstock.worker import JobContext, Success, worker


@worker(category="Build", provider="Shout", version="1")
def shout(job: JobContext) -> Success:
    """Turns the text files of its input into capital letters."""
    with tempfile.TemporaryDirectory() as folder:
        texts = Path(folder, "texts")
        job.wait_for(job.artifacts.extract("Texts", texts))
        files = sorted(texts.rglob("*.txt"))
        for file in files:
            job.wait_for(job.log(f"{file.name}\n"))
            file.write_text(file.read_text().upper())
        job.wait_for(job.artifacts.publish("Loud", texts))
    return Success(f"texts: {len(files)}", output_variables={"Files": str(len(files))})
