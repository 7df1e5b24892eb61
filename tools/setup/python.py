"""Python packages: find or bring uv, make .venv, install exactly what a lock file names."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools.setup.pip_settings import uv_environment
from tools.setup.stamps import Step
from tools.setup.system import ROOT, STATE, SetupError, apt_install, run, say

VENV = ROOT / ".venv"
OWN_UV = STATE / "uv"
UV_LOCK = ROOT / "tools/locks/uv.txt"
LOCKS = {"run": ROOT / "requirements.lock", "test": ROOT / "requirements-test.lock"}
OLDEST_UV = (0, 5)


def packages(profile: str) -> None:
    """Install the profile's packages. A tree that has had the larger set keeps it: `run` takes nothing away."""
    had_tests = (VENV / "bin/pytest").exists()
    _step("test" if had_tests else profile).ensure()


def _step(profile: str) -> Step:
    return Step(
        title=f"Python packages ({LOCKS[profile].name})",
        stamp=VENV / ".setup-stamp",
        inputs=[LOCKS[profile]],
        outputs=[VENV / "bin/python", VENV / "bin/flask"],
        action=lambda: _install(LOCKS[profile]),
        facts=(str(ROOT), sys.base_prefix, sys.version),  # a venv can be neither moved nor given another Python
    )


def _install(lock: Path) -> None:
    uv = find_uv()
    if not _venv_is_usable():
        run([uv, "venv", "--clear", "--python", sys.executable, VENV], env=uv_environment(), what="Making .venv")
    environment = {**uv_environment(), "VIRTUAL_ENV": str(VENV)}
    run(
        [uv, "pip", "sync", "--require-hashes", "--compile-bytecode", lock],
        env=environment,
        what="Installing Python packages",
    )


def _venv_is_usable() -> bool:
    """Of this Python and of this place: the scripts in a venv name it by its absolute path."""
    python = VENV / "bin/python"
    question = "import sys; print(sys.base_prefix, sys.version)"
    try:
        told = subprocess.run([python, "-c", question], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    activate = VENV / "bin/activate"
    here = activate.exists() and str(VENV) in activate.read_text()
    return here and told.stdout.strip() == f"{sys.base_prefix} {sys.version}"


def find_uv() -> str:
    """The user's uv when it is recent, else our own, pinned and hash-checked."""
    on_path = shutil.which("uv")
    if on_path and _version(on_path) >= OLDEST_UV:
        return on_path
    own_uv().ensure()
    return str(OWN_UV / "bin/uv")


def own_uv() -> Step:
    return Step(
        title="uv",
        stamp=OWN_UV / ".setup-stamp",
        inputs=[UV_LOCK],
        outputs=[OWN_UV / "bin/uv"],
        action=_bring_uv,
    )


def _bring_uv() -> None:
    shutil.rmtree(OWN_UV, ignore_errors=True)
    options = ["install", "--quiet", "--require-hashes", "--only-binary", ":all:"]
    # Habits that suit everyday use of pip and would make it refuse this.
    habits = {"PIP_REQUIRE_VIRTUALENV": "0", "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    run([*_find_pip(), *options, "--target", OWN_UV, "-r", UV_LOCK], env=habits, what="Installing uv with pip")


def _find_pip() -> list[str | Path]:
    """A pip to install uv with: this Python's, that of another on the path, a private one, Debian's."""
    own: list[str | Path] = [sys.executable, "-m", "pip"]
    private = STATE / "pip"
    for python in (sys.executable, "python3.11", "python3"):
        if _works([python, "-m", "pip", "--version"]):
            return [python, "-m", "pip"]
    if importlib.util.find_spec("ensurepip") and _works([sys.executable, "-m", "venv", "--clear", private]):
        return [private / "bin/python", "-m", "pip"]
    say("this Python has neither pip nor ensurepip")
    if apt_install("python3-pip") and _works(own):
        return own
    raise SetupError(
        "neither uv nor pip can be found. Install either one and run the command again:\n"
        "  Debian, Ubuntu: sudo apt-get install python3-pip    macOS: brew install uv"
    )


def _works(command: list[str | Path]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _version(uv: str) -> tuple[int, ...]:
    told = subprocess.run([uv, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"(\d+)\.(\d+)", told)
    return tuple(map(int, found.groups())) if found else (0,)


def install_target(lock: Path, target: Path, what: str) -> None:
    """Packages of a lock into a directory of their own, outside .venv."""
    shutil.rmtree(target, ignore_errors=True)
    command = [find_uv(), "pip", "install", "--require-hashes", "--python", sys.executable, "--target", target]
    run([*command, "-r", lock], env=uv_environment(), what=what)
