"""docs/endpoints.md lists what the code has, and nothing that it has not."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from services import endpoint_checks
from services.hooks import answers, signatures, taking

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "endpoints.md").read_text()
CODES = {code for path in (*(ROOT / "services" / "hooks").glob("*.py"), ROOT / "blueprints" / "hooks.py")
         for code in re.findall(r'(?:Refusal|__init__)\(\s*\d{3}, "([A-Z_]+)"', path.read_text())}  # fmt: skip


@pytest.mark.parametrize("names", [
    sorted(answers.HOP_BY_HOP), sorted(answers.DANGEROUS), sorted(answers._DANGEROUS_FAMILIES), sorted(answers.MEMBERS), sorted(taking.NOT_PASSED_ON),
    sorted(signatures.PRESETS), sorted(signatures.ALGORITHMS), sorted(signatures.ENCODINGS), [each.name for each in fields(signatures.Scheme)],
    sorted(endpoint_checks._OPTIONS), sorted(CODES | {"FEATURE_DISABLED", "QUOTA_EXCEEDED"}),
], ids=["hop-by-hop", "dangerous", "families", "members", "withheld", "presets", "algorithms", "encodings", "scheme", "options", "codes"])  # fmt: skip
def test_the_page_has_every_name(names: list[str]) -> None:
    assert [name for name in names if name not in PAGE] == []


def test_the_page_has_no_code_that_is_never_sent() -> None:
    told = set(
        re.findall(r"`([A-Z]+_[A-Z_]+|BUSY|TIMEOUT|CONFLICT|REPLAYED|UNAUTHORIZED|UNAVAILABLE|MISCONFIGURED)`", PAGE)
    )
    settings = set(re.findall(r"`([A-Z_]+)`", Path("docs/settings.md").read_text()))
    assert told - settings <= CODES | {"FEATURE_DISABLED", "QUOTA_EXCEEDED"}
