"""Tables as polars frames. Not for model jobs, whose environment holds no polars.

polars itself does not verify the checksums of Parquet pages, so no table is read by it.
"""

from pathlib import Path

import polars as pl

from culture_neurons.storage.tables import read_table


def read_frame(path: str | Path, kind: str, columns: list[str] | None = None) -> pl.DataFrame:
    """Read a table of `kind` with its checksums verified.

    Raises:
        TableError: As tables.read_table.
    """
    return pl.from_arrow(read_table(path, kind, columns))
