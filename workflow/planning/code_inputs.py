"""Which project modules a script imports, so that editing one of them reruns the script's rule.

Snakemake's own code trigger looks at the script file alone. Stdlib only: this runs at planning.
"""

import ast
import os
from functools import cache
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
PACKAGE = "culture_neurons"


def find_code_inputs(script: str, *modules: str) -> list[str]:
    """List a script, the modules it imports, and theirs, as paths relative to the working folder.

    Args:
        script: Name of an adapter below workflow/scripts, without ".py".
        *modules: Modules that the script loads by name, such as culture_neurons.scorers.cas.
    """
    path = SCRIPTS / f"{script}.py"
    found = {path}
    for module in [*modules, *_imports(path)]:
        _collect(module, found)
    # Relative paths keep their checksum records when the checkout moves.
    return sorted(os.path.relpath(path) for path in found)


def _collect(module: str, found: set[Path]) -> None:
    parts = module.split(".")
    for depth in range(1, len(parts) + 1):  # importing a.b.c runs a/__init__ and a/b/__init__ too
        base = SCRIPTS.joinpath(*parts[:depth])
        path = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
        if path in found:
            continue
        if not path.is_file():
            raise FileNotFoundError(f"{module}: imported, but {path} does not exist")
        found.add(path)
        for imported in _imports(path):
            _collect(imported, found)


@cache
def _imports(path: Path) -> tuple[str, ...]:
    modules = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ImportError(f"{path}, line {node.lineno}: relative import; use the full name")
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                base = SCRIPTS.joinpath(*name.split("."))
                is_module = base.is_dir() or base.with_suffix(".py").is_file()
                modules.append(name if is_module else node.module)
    return tuple(sorted({m for m in modules if m.split(".")[0] == PACKAGE}))
