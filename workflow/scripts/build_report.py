"""Write the study's page for people: verdicts, figures, tables, and how they came about."""

from culture_neurons.logs import logger, start_log
from culture_neurons.report.captions import embed_figures
from culture_neurons.report.citation import read_citation
from culture_neurons.report.csv_tables import read_csv_tables
from culture_neurons.report.headlines import TOLD, tell_tables, tell_verdicts
from culture_neurons.report.page import build_page, write_page
from culture_neurons.report.provenance import describe_dataset, describe_models, list_software

start_log(snakemake.log[0])
source, params = snakemake.input, snakemake.params
tables = [*source.tables, *source.sensitivity]
page = build_page(
    models=describe_models(source.answers, source.cultures),
    dataset=describe_dataset(source.questions, source.rejected, source.names),
    config=params.config,
    words=tell_verdicts(source.verdicts),
    told=tell_tables(tables, TOLD),
    figures=embed_figures(params.figures, params.config),
    tables=read_csv_tables(tables, "results"),
    sensitivity=tell_tables(tables, ["sensitivity"]),
    citation=read_citation(source.citation),
    demo_models=params.demo_models,
    settings=params.settings,
    software=list_software(
        {"questions": [source.questions], "answers": source.answers, "effects": source.effects}
    ),
)
write_page(page, snakemake.output.page)
logger.info("%d figures in %s", len(params.figures), snakemake.output.page)
