"""What Snakemake needs to plan: config, paths, code inputs; no numerical library."""
