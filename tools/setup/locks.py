"""`make lock`: resolve every lock file again. No addresses go in: each machine has its own index."""

from tools.setup.frontend import NODE_LOCK
from tools.setup.pip_settings import uv_environment
from tools.setup.python import LOCKS, UV_LOCK, find_uv
from tools.setup.system import ROOT, run

OPTIONS = (
    "--universal",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-header",
    "--python-version",
    "3.11",
    "--quiet",
)
SOURCES = {
    LOCKS["run"]: ("pyproject.toml",),
    LOCKS["test"]: ("pyproject.toml", "--extra", "test", "--constraint", LOCKS["run"].name),
    UV_LOCK: ("tools/locks/uv.in",),
    NODE_LOCK: ("tools/locks/node.in",),
}


def resolve() -> None:
    for lock, source in SOURCES.items():
        command = [find_uv(), "pip", "compile", *OPTIONS, *source, "--output-file", lock.relative_to(ROOT)]
        run(command, env=uv_environment(), what=f"Resolving {lock.name}")
