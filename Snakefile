# culture-neurons: which neurons of a vision-language model respond to a culture, and do they matter?
#
# Questions flow down; a stage is one rule file, a rule is one script of the same name (but for rules
# that take over another by `use rule`).
#
#   results/dataset/{questions,images,rejected}.parquet
#   results/answers/{model}.parquet
#   results/unseen/{model}.parquet                  (answers without seeing the picture)
#   results/cells/{model}.parquet
#   results/activations/{model}/{hookpoint}/{shard}.parquet
#   results/statistics/{model}/{hookpoint}/{split}.parquet
#   results/scores/{model}/{hookpoint}/{split}/{scorer}.parquet
#   results/masks/{model}/{hookpoint}/{split}/{rate}/{selector}.parquet
#   results/outcomes/{model}/{hookpoint}/{split}/{rate}/{intervention}/{selector}.parquet
#   results/swapped/outcomes/...as above.../{selector}.parquet   (pictures of other cultures)
#   results/{steered,swapped/steered}/...as above...     (steering: each strength)
#   results/{strengths,doses}/...as above...             (steering: the chosen ones, and what each does)
#   results/effects/{model}/{hookpoint}/{split}/{rate}/{intervention}/{scorer}.parquet
#   results/{summaries,ranks}/{model}/{hookpoint}/{split}/{rate}/{intervention}/{scorer}.parquet
#   results/comparisons/{model}/{hookpoint}/{split}/{rate}/{intervention}.parquet
#   results/other_datasets/{other_dataset}/{questions,images,rejected}.parquet
#   results/other_datasets/{other_dataset}/{outcomes,effects,summaries,ranks}/...as effects...
#   results/prompts/{model}/{hookpoint}/{split}/{rate}/{intervention}/{imported}.parquet   (masks lent)
#   results/relations/{model}/{hookpoint}/{split}/{rate}/{intervention}/{scorer}.parquet
#   results/recovery/{model}/{hookpoint}/{split}/{rate}.parquet          (demo models)
#   results/reliability/{model}/{hookpoint}/{scorer}.parquet             (sensitivity)
#   results/categories/{model}/{hookpoint}/{split}/{rate}/{intervention}.parquet
#   results/model_pairs/{hookpoint}.parquet                              (models compared)
#   results/exports/{model}/{hookpoint}/{split}/{rate}/{selector}.{pth,safetensors,json}  (by request)
#   results/figures/<family>/...    results/tables/*.csv    results/report.html
#   results/logs/<rule>/...         results/benchmarks/<rule>/...
#
# A selector is a scorer, "planted" (a demo model's ground truth), or a control: "{control}_of_{scorer}",
# or "{control}" alone where scorers share it (kind random, masks of the rate's size).
import os
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.utils import min_version

min_version("9.0")

# Snakemake puts the interpreter's path into a shell line as it is: a space in it would end it.
sys.executable = shlex.quote(sys.executable)

ROOT = Path(workflow.basedir)
sys.path.insert(0, str(ROOT / "workflow"))
sys.path.append(str(ROOT / "workflow/scripts"))

from planning.config import ConfigError, complete_config
from planning.config_text import ConfigTextError, refuse_hidden
from planning.doubts import list_doubts
from planning.places import PlaceError, require_writable
from planning.study_record import list_settings, record_settings, refuse_replacing

# A config given on the command line replaces the demo's; the two are never mixed.
if not workflow.overwrite_configfiles:

    configfile: os.path.relpath(ROOT / "config/config.yaml")


report: "workflow/report/workflow.rst"


try:
    refuse_hidden(workflow.configfiles, workflow.overwrite_configfiles)
    config = complete_config(config, ROOT)
    if workflow.is_main_process:  # and not anew in every job's
        name = os.path.relpath(workflow.configfiles[0])
        recorded = (list_settings(config), name, "results")
        refuse_replacing(*recorded)
        for doubt in list_doubts(config):
            logger.warning(doubt)
except (ConfigError, ConfigTextError) as error:
    raise WorkflowError(str(error)) from None


include: "workflow/rules/common.smk"
include: "workflow/rules/targets.smk"


onstart:
    try:
        require_writable("results")
        record_settings(*recorded)
    except (ConfigError, OSError, PlaceError) as error:
        raise WorkflowError(str(error)) from None


rule all:
    """The whole study: every figure and table, and the page that shows them."""
    input:
        get_figures,
        get_tables,
        "results/report.html",


include: "workflow/rules/demo.smk"
include: "workflow/rules/dataset.smk"
include: "workflow/rules/answers.smk"
include: "workflow/rules/extract.smk"
include: "workflow/rules/score.smk"
include: "workflow/rules/select.smk"
include: "workflow/rules/intervene.smk"
include: "workflow/rules/effects.smk"
include: "workflow/rules/other_datasets.smk"
include: "workflow/rules/prompts.smk"
include: "workflow/rules/components.smk"
include: "workflow/rules/sensitivity.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/sensitivity_figures.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/report.smk"
