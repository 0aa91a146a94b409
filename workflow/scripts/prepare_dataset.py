"""Turn a dataset in CVQA's schema into questions, images, and rejected rows."""

from pathlib import Path

from culture_neurons.cultures import read_cultures
from culture_neurons.logs import start_log
from culture_neurons.questions import (
    fingerprint_dataset,
    iterate_images,
    open_dataset,
    prepare_questions,
)
from culture_neurons.tables import name_versions, to_columns, write_table

start_log(snakemake.log[0])
settings = snakemake.params.dataset
prepared = prepare_questions(
    rows=open_dataset(
        settings["source"], settings["revision"], settings["split"], settings["columns"]["image"]
    ),
    columns=settings["columns"],
    cultures=read_cultures(snakemake.input.cultures),
    folds=snakemake.params.folds,
    max_rejected=settings["max_rejected"],
)
facts = {
    "dataset": fingerprint_dataset(prepared),
    "dataset_source": Path(settings["source"]).name,
    "dataset_revision": settings["revision"],
    "folds": snakemake.params.folds,
    "software": name_versions("datasets", "pillow"),
}
output = snakemake.output
write_table(output.questions, "questions", to_columns("questions", prepared.questions), facts)
write_table(output.images, "images", iterate_images(prepared), facts)
write_table(output.rejected, "rejected", to_columns("rejected", prepared.rejected), facts)
