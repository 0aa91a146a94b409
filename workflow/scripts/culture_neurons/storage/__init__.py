"""How things lie on disk: table schemas, facts, whole files, Hub snapshots; no computing."""
