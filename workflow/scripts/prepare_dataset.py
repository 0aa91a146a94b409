"""Turn a dataset into questions, images, and rejected rows."""

from pathlib import Path

from culture_neurons.dataset.columns import list_columns
from culture_neurons.dataset.cultures import read_cultures
from culture_neurons.dataset.preparation import (
    fingerprint_dataset,
    iterate_images,
    prepare_questions,
)
from culture_neurons.dataset.prepared import read_checksums
from culture_neurons.dataset.raw_rows import open_dataset, read_labels
from culture_neurons.dataset.row_check import RowFormat
from culture_neurons.dataset.sources import name_settings
from culture_neurons.logs import start_log
from culture_neurons.storage.facts import name_versions
from culture_neurons.storage.tables import to_columns, write_table

start_log(snakemake.log[0])
settings, source, params = snakemake.params.dataset, snakemake.input, snakemake.params
with name_settings(params.key, [*settings, "cultures", "labels"]):
    opened = open_dataset(
        **{key: settings[key] for key in ("source", "revision", "split", "name", "image_root")},
        image_column=settings["columns"]["image"],
        named=list_columns(settings["columns"], cultures=bool(source.cultures)),
        cache_dir=snakemake.resources.hub_cache or None,
    )
    row_format = RowFormat(
        **{key: settings[key] for key in ("columns", "option_counts", "label_is")},
        cultures=read_cultures(source.cultures) if source.cultures else None,
        folds=params.folds,
        labels=read_labels(source.labels) if source.labels else {},
        picture_folder=opened.picture_folder,
        taken=set().union(*map(read_checksums, source.study_images)),
    )
    limits = {key: settings[key] for key in ("max_rejected", "max_absent")}
    prepared = prepare_questions(
        opened.rows,
        row_format,
        **limits,
        floor=snakemake.resources.floor,
        listed=snakemake.log.rejected,
    )
facts = {
    "dataset": fingerprint_dataset(prepared),
    "dataset_source": Path(settings["source"]).name,
    "dataset_commit": opened.commit,
    "folds": params.folds,
    "absent": prepared.absent,
    "software": name_versions("datasets", "pillow"),
}
output = snakemake.output
write_table(output.questions, "questions", to_columns("questions", prepared.questions), facts)
write_table(output.images, "images", iterate_images(prepared), facts)
write_table(output.rejected, "rejected", to_columns("rejected", prepared.rejected), facts)
