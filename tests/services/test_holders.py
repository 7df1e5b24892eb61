"""Names of processes: whose process is surely gone, and of whom nothing is known."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from services import holders
from services.holders import holder, is_gone

SAY_WHO = "from services.holders import holder; print(holder(), flush=True); input()"


@pytest.fixture
def child() -> Iterator["Popen[str]"]:
    with subprocess.Popen([sys.executable, "-c", SAY_WHO], stdin=PIPE, stdout=PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.fixture
def name(child: "Popen[str]") -> str:
    assert child.stdout
    return child.stdout.readline().strip()


def with_part(name: str, place: int, value: str) -> str:
    return ":".join([*name.split(":")[:place], value, *name.split(":")[place + 1 :]])


def test_a_name_fits_into_the_column_of_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holders, "_HOST", "h" * 20)
    monkeypatch.setattr(os, "getpid", lambda: 4_194_304)
    holders._us.cache_clear()
    monkeypatch.setattr(holders, "_stat", lambda _pid: ("4194304", "S", "9" * 12))
    assert len(holder()) <= 64
    holders._us.cache_clear()


def test_a_process_that_lives_is_not_gone(name: str) -> None:
    assert holder() == holder() and not is_gone(holder())
    assert not is_gone(name)


def test_a_killed_process_is_gone_before_and_after_its_parent_looked(child: "Popen[str]", name: str) -> None:
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_gone(name)
    child.wait()
    assert is_gone(name)


def test_whoever_got_its_number_later_is_another(name: str) -> None:
    assert is_gone(with_part(name, 2, "1")), "its number is given again"


def test_a_child_that_was_forked_has_a_name_of_its_own() -> None:
    reader, writer = os.pipe()
    if (pid := os.fork()) == 0:
        os.write(writer, holder().encode())
        os._exit(0)
    os.waitpid(pid, 0)
    name = os.read(reader, 100).decode()
    for end in (reader, writer):
        os.close(end)
    assert name.split(":")[1] == str(pid) and name != holder() and is_gone(name)


@pytest.mark.parametrize("elsewhere", ["", "elsewhere", "host:17:0123456789ab", "host:17:::01234567", "a:b:c:d:e:f"])
def test_of_other_names_nothing_is_known(elsewhere: str) -> None:
    assert not is_gone(elsewhere)


def test_of_another_machine_or_container_nothing_is_known(child: "Popen[str]", name: str) -> None:
    child.kill()
    child.wait()
    assert is_gone(name) and not is_gone(with_part(name, 3, "0123456789ab"))


@pytest.mark.parametrize("proc", ["there is none", "of others"])
def test_where_processes_cannot_be_looked_at_nothing_is_known(
    child: "Popen[str]", name: str, monkeypatch: pytest.MonkeyPatch, proc: str
) -> None:
    def away(_path: Path, **_more: object) -> str:
        raise FileNotFoundError

    if proc == "there is none":
        monkeypatch.setattr(Path, "read_text", away)
    else:
        monkeypatch.setattr(holders, "_stat", lambda _pid: ("1", "S", "5"))
    child.kill()
    child.wait()
    holders._us.cache_clear()
    assert holder().split(":")[2:4] == ["", ""] and not is_gone(name)
    holders._us.cache_clear()


def test_a_living_process_of_somebody_else_is_not_gone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_pid: int, _signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert not is_gone(name)
    assert holder()  # of this process the number and the beginning are still known
    monkeypatch.setattr(holders, "_stat", refuse_to_tell)
    assert not is_gone(name), "the machine hides it: its lease decides"


def refuse_to_tell(_pid: str) -> tuple[str, str, str]:
    raise FileNotFoundError
