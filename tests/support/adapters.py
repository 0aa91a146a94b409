"""An adapter run as Snakemake runs it, but in this process and without its log."""

import runpy
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

from snakemake.iocontainers import Namedlist, Wildcards

from culture_neurons import logs

SCRIPTS = Path(__file__).resolve().parents[2] / "workflow/scripts"


def run_adapter(name, monkeypatch, wildcards, sources, output=None, params=None):
    """Run workflow/scripts/{name}.py; `sources` are its rule's inputs by name."""
    monkeypatch.setattr(logs, "start_log", lambda _: None)
    job = SimpleNamespace(
        input=Namedlist(fromdict=sources),
        output=SimpleNamespace(**(output or {})),
        wildcards=Wildcards(fromdict=wildcards),
        # Neurons that are coordinates have the means of their own hookpoint.
        params=MagicMock(coordinates=wildcards.get("hookpoint"))
        if params is None
        else SimpleNamespace(**params),
        resources=MagicMock(),
        threads=1,
        log=["job.log"],
    )
    runpy.run_path(str(SCRIPTS / f"{name}.py"), init_globals={"snakemake": job})
