"""`python -m bench NAME [--json] [--parts A,B]`"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
from types import ModuleType

import bench


def main() -> None:
    names = sorted(module.name for module in pkgutil.iter_modules(bench.__path__) if not module.name.startswith("_"))
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("name", choices=names)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--parts", help="only these of its parts, with commas between")
    chosen = parser.parse_args()
    module = importlib.import_module(f"bench.{chosen.name}")
    result = module.measure() if chosen.parts is None else _measure_parts(module, chosen.parts.split(","))
    print(json.dumps(result) if chosen.json else _table(result))


def _measure_parts(module: ModuleType, names: list[str]) -> dict[str, object]:
    known = getattr(module, "PARTS", {})
    if set(names) - set(known):
        raise SystemExit(f"the parts of this bench are: {', '.join(known) or 'none'}")
    return module.measure(tuple(names))


def _table(result: dict[str, object]) -> str:
    width = max(map(len, result))
    return "\n".join(f"{name:<{width}}  {_cell(value)}" for name, value in result.items())


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{name} {_cell(inner)}" for name, inner in value.items())
    return f"{value:.3f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
