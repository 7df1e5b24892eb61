"""Talk to the machine: run a command, install a Debian package, keep two set-ups apart."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".setup"


class SetupError(Exception):
    """Set-up cannot go on; the message says why and what to do."""


def say(text: str) -> None:
    print(f"• {text}", file=sys.stderr, flush=True)


def run(command: Sequence[object], *, env: Mapping[str, str] | None = None, what: str) -> None:
    """Run quietly; show what the command printed only when it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=None if env is None else {**os.environ, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SetupError(f"{what} failed.\n{done.stdout.strip()[-4000:]}\n({' '.join(map(str, command))})")


def apt_install(*packages: str) -> bool:
    """Install Debian packages when that needs nobody's password; say whether it worked."""
    apt = shutil.which("apt-get")
    prefix = _root_prefix()
    if apt is None or prefix is None:
        return False
    say(f"installing {', '.join(packages)} with apt-get")
    command = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", apt, "-q"]
    try:
        run([*command, "update"], what="apt-get update")
        run([*command, "install", "-y", "--no-install-recommends", *packages], what="apt-get install")
    except SetupError as error:
        say(str(error))
        return False
    return True


def _root_prefix() -> list[str] | None:
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return [sudo, "-n"]
    return None


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """One set-up at a time in a working tree; a second one waits for the first and then finds its work done."""
    STATE.mkdir(exist_ok=True)
    with (STATE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another set-up is running here; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
