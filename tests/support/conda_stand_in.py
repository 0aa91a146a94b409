"""What Snakemake asks of `conda`, by rattler: python conda_stand_in.py BASE CHANNEL ARGUMENTS...

The channels that an environment file names are replaced by CHANNEL.
"""

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path

import yaml
from rattler import Gateway, MatchSpec, install, solve


async def create(file: Path, prefix: Path, base: Path, channel: str) -> None:
    """Solve and link an environment."""
    specs = [MatchSpec(entry) for entry in yaml.safe_load(file.read_text())["dependencies"]]
    gateway = Gateway(cache_dir=base / "cache")
    records = await solve([channel], specs, gateway=gateway, platforms=["noarch"])
    await install(records, prefix, cache_dir=base / "packages", show_progress=False)


def main() -> None:
    """Answer one call."""
    base, channel, *arguments = sys.argv[1:]
    match arguments:
        case ["--version"]:
            print("conda 24.7.1")
        case ["info", "--json"]:
            print(json.dumps({"conda_prefix": base, "platform": "linux-64"}))
        case ["config", "--get", "channel_priority", "--json"]:
            print(json.dumps({"get": {"channel_priority": "strict"}}))
        case ["clean", *_]:
            pass
        case ["env", "create", *options]:
            parser = argparse.ArgumentParser()
            parser.add_argument("--quiet", action="store_true")
            parser.add_argument("--no-default-packages", action="store_true")
            parser.add_argument("--file", type=Path, required=True)
            parser.add_argument("--prefix", type=Path, required=True)
            found = parser.parse_args(options)
            asyncio.run(create(found.file, found.prefix, Path(base), channel))
            os._exit(0)  # rattler's threads now and then crash an interpreter that shuts down
        case _:
            sys.exit(f"the stand-in for conda does not know {arguments}")


if __name__ == "__main__":
    main()
