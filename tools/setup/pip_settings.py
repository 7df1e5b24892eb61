"""Let uv use the package index the user has told pip about.

uv does not read pip's configuration. Where uv has none of its own, pip's files and PIP_* variables are translated, so a
machine behind a mirror or a proxy with its own certificate needs nothing set twice.
"""

import configparser
import os
import sys
from collections.abc import Mapping
from pathlib import Path

# pip's option: (uv's variable, what joins several values there)
TRANSLATIONS = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "no-index": ("UV_NO_INDEX", " "),
    "proxy": ("ALL_PROXY", " "),
    "cert": ("SSL_CERT_FILE", " "),
    "client-cert": ("SSL_CLIENT_CERT", " "),
    "timeout": ("UV_HTTP_TIMEOUT", " "),
}


def uv_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables to add for uv; never one that the user has set."""
    added = {"UV_SYSTEM_CERTS": "true", "UV_NO_PROGRESS": "1"}
    if not _uv_is_configured(environ):
        for option, value in pip_options(environ).items():
            name, separator = TRANSLATIONS[option]
            added[name] = separator.join(value.split())
        # pip looks in all its indexes for the best version; uv would stop at the first that knows the name.
        if "UV_INDEX" in added:
            added["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return {name: value for name, value in added.items() if name not in environ}


def pip_options(environ: Mapping[str, str]) -> dict[str, str]:
    """What pip would use for the options we translate: files in pip's order, then variables."""
    found: dict[str, str] = {}
    for path in pip_files(environ):
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue
        for section in ("global", "install"):
            if parser.has_section(section):
                found.update({key.replace("_", "-"): value for key, value in parser.items(section)})
    for option in TRANSLATIONS:
        value = environ.get("PIP_" + option.replace("-", "_").upper())
        if value:
            found[option] = value
    return {option: found[option] for option in TRANSLATIONS if found.get(option, "").strip()}


def pip_files(environ: Mapping[str, str]) -> list[Path]:
    """pip's configuration files, weakest first."""
    home = Path(environ.get("HOME") or Path.home())
    chosen = environ.get("PIP_CONFIG_FILE")
    if chosen == os.devnull:
        return []
    config_home = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    system = [Path(part) / "pip/pip.conf" for part in (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")]
    user = [home / ".pip/pip.conf", config_home / "pip/pip.conf"]
    if sys.platform == "darwin":
        user.append(home / "Library/Application Support/pip/pip.conf")
    files = [*system, Path("/etc/pip.conf"), *user, Path(sys.prefix) / "pip.conf"]
    return [*files, Path(chosen)] if chosen else files


def _uv_is_configured(environ: Mapping[str, str]) -> bool:
    names = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_CONFIG_FILE", "UV_NO_INDEX")
    config_home = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME") or Path.home()) / ".config")
    files = (config_home / "uv/uv.toml", Path("/etc/uv/uv.toml"))
    return any(environ.get(name) for name in names) or any(path.exists() for path in files)
