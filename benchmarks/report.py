"""Write a benchmark's table with what it was measured on."""

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import date
from importlib import metadata
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"


def describe_machine(*packages: str) -> dict[str, str]:
    """Name date, processor, number of usable cores, and package versions."""
    cpu = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    return {
        "date": date.today().isoformat(),
        "machine": f"{cpu}, {len(os.sched_getaffinity(0))} cores",
        "versions": ", ".join(f"{package} {metadata.version(package)}" for package in packages),
    }


def write_result(
    name: str, header: Sequence[str], rows: Sequence[Sequence[str]], facts: Mapping[str, object]
) -> None:
    """Print a Markdown table and write it to benchmarks/results/{name}.md."""
    lines = [f"# {name}", ""]
    lines += [f"- {key}: {value}" for key, value in facts.items()]
    lines += ["", f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    lines += [f"| {' | '.join(map(str, row))} |" for row in rows]
    text = "\n".join(lines) + "\n"
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")
    print(text)
