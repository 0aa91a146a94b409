"""A conda channel of empty packages in a folder, and a stand-in for the `conda` command.

The packages have the names and versions of the real ones and nothing in them, but for `python`,
which starts the interpreter of the tests. So what Snakemake does with an environment file is real,
and so are its parsing, solving, and linking (by rattler); that the real packages exist, fit
together, and suffice is not shown.
"""

import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path

STAND_IN = Path(__file__).with_name("conda_stand_in.py")


def make_channel(folder: Path, packages: dict[str, str]) -> str:
    """Write a channel of packages, name -> version; its address."""
    import asyncio

    from rattler.index import index_fs

    for name, version in packages.items():
        write_package(folder / "noarch", name, version)
    asyncio.run(index_fs(folder))
    return folder.as_uri()


def write_package(folder: Path, name: str, version: str) -> None:
    """Write one package."""
    index = {"name": name, "version": version, "build": "0", "build_number": 0, "depends": []}
    files = {}
    if name == "python":  # leaves a trace of every start in the environment
        start = f'echo started >> "${{0%/bin/python}}/starts"\nexec "{sys.executable}" "$@"\n'
        files["bin/python"] = f"#!/bin/sh\n{start}".encode()
    paths = [
        {
            "_path": path,
            "path_type": "hardlink",
            "sha256": hashlib.sha256(content).hexdigest(),
            "size_in_bytes": len(content),
        }
        for path, content in files.items()
    ]
    files["info/index.json"] = json.dumps(index | {"noarch": "generic", "subdir": "noarch"})
    files["info/paths.json"] = json.dumps({"paths": paths, "paths_version": 1})
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(folder / f"{name}-{version}-0.tar.bz2", "w:bz2") as archive:
        for path, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(data), 0o755
            archive.addfile(entry, io.BytesIO(data))


def make_conda(folder: Path, channel: str) -> Path:
    """Write the stand-in command with its base environment; the folder for PATH."""
    programs = folder / "bin"
    programs.mkdir(parents=True)
    conda = programs / "conda"
    call = f'exec "{sys.executable}" "{STAND_IN}" "{folder}" "{channel}" "$@"\n'
    conda.write_text(f"#!/bin/sh\n{call}")
    conda.chmod(0o755)
    (programs / "activate").write_text('export PATH="$1/bin:$PATH"\n')
    return programs
