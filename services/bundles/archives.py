"""Files in and out of folders and zips. What comes in was written by anybody: paths are checked, and sizes as they are read."""

import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from runtime.limits import KIB, MIB
from services.errors import Invalid

CODE, ABOUT = "script.js", "script.json"
MOST_BYTES = {CODE: 256 * KIB, ABOUT: 2 * MIB}
MOST_FILES = 4_000
MOST_ENTRIES = 20_000
MOST_BYTES_TOGETHER = 64 * MIB
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same scripts make the same zip
_ENCRYPTED = 0x1

Files = dict[str, bytes]  # "orders/script.js": its bytes


def write_zip(files: Iterable[tuple[str, bytes]], target: IO[bytes]) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files:
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)


def write_folder(files: Iterable[tuple[str, bytes]], folder: Path) -> None:
    for path, content in files:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def read_zip(source: IO[bytes]) -> Files:
    try:
        with zipfile.ZipFile(source) as archive:
            return _gathered(_entries(archive))
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        UnicodeError,
        OSError,
    ) as error:
        raise Invalid("This is not a zip file that can be read.", field="file") from error


def _entries(archive: zipfile.ZipFile) -> Iterator[tuple[str, IO[bytes]]]:
    entries = archive.infolist()
    if len(entries) > MOST_ENTRIES:
        raise Invalid("The zip has more than %(count)s files.", field="file", count=MOST_ENTRIES)
    for entry in entries:
        if entry.is_dir():
            continue
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise Invalid("“%(path)s” is a link or a device, not a file.", field="file", path=_shown(entry.filename))
        if entry.flag_bits & _ENCRYPTED:
            raise Invalid("The zip is encrypted.", field="file")
        # As it stands in the archive: zipfile already cut a name at NUL and turned backslashes on some systems.
        path = _checked(entry.orig_filename)
        if _is_ours(path):
            with archive.open(entry) as content:
                yield path, content


def read_folder(folder: Path) -> Files:
    if not folder.is_dir():
        raise Invalid("There is no folder %(path)s.", field="file", path=str(folder))
    return _gathered(_folder_entries(folder))


def _folder_entries(folder: Path) -> Iterator[tuple[str, IO[bytes]]]:
    for script in sorted(folder.iterdir()):
        if script.is_symlink() or not script.is_dir():
            continue
        for name in (CODE, ABOUT):
            path = script / name
            if path.is_symlink():
                raise Invalid(
                    "“%(path)s” is a link or a device, not a file.", field="file", path=f"{script.name}/{name}"
                )
            if path.is_file():
                with path.open("rb") as content:
                    yield f"{script.name}/{name}", content


def _gathered(entries: Iterator[tuple[str, IO[bytes]]]) -> Files:
    """Sizes are what is read, whatever an archive says of itself."""
    files: Files = {}
    taken: set[str] = set()
    left = MOST_BYTES_TOGETHER
    for path, content in entries:
        # Two names that some file systems hold for one would overwrite each other there.
        key = unicodedata.normalize("NFC", path).casefold()
        if key in taken:
            raise Invalid("“%(path)s” is there twice.", field="file", path=_shown(path))
        taken.add(key)
        most = MOST_BYTES[PurePosixPath(path).name]
        read = content.read(most + 1)
        left -= len(read)
        if len(read) > most:
            raise Invalid("“%(path)s” is larger than %(most)s bytes.", field="file", path=_shown(path), most=most)
        if left < 0 or len(files) >= MOST_FILES:
            raise Invalid("There is too much in it for one import.", field="file")
        files[path] = read
    return files


def _checked(path: str) -> str:
    parts = path.split("/")
    if "\\" in path or "\0" in path or path.startswith("/") or ".." in parts or ":" in parts[0]:
        raise Invalid("“%(path)s” leads out of the folder.", field="file", path=_shown(path))
    return path


def _is_ours(path: str) -> bool:
    """Other files, such as a read-me or what operating systems add, are passed over."""
    parts = path.split("/")
    return len(parts) == 2 and bool(parts[0].strip(". ")) and parts[0] != "__MACOSX" and parts[1] in MOST_BYTES


def _shown(path: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in path[:100])
