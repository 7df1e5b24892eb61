"""The page of all components: in development, whole, and nowhere else."""

from collections.abc import Callable

import pytest

from app import create_app
from settings import Settings
from tests.conftest import Person
from tests.support.http import Browser


@pytest.fixture
def database() -> str:
    return "sqlite"  # nothing here depends on the database


def test_it_shows_every_component(sign_in: Callable[[Person], Browser], alice: Person) -> None:
    answer = sign_in(alice).get("/dev/components")
    assert answer.status_code == 200
    for part in (
        'data-status="timed_out"',
        'role="switch"',
        'role="columnheader"',
        'class="json"',
        'class="waterfall"',
    ):
        assert part in answer.text


def test_it_reads_out_what_a_chart_shows(sign_in: Callable[[Person], Browser], alice: Person) -> None:
    page = sign_in(alice).get("/dev/components").text
    assert 'aria-label="Last 30 runs: 27 succeeded, 2 failed, 1 timed out"' in page
    assert 'aria-label="Engines: 5 busy, 2 idle, 1 restarting"' in page


def test_it_ties_an_error_to_its_field(sign_in: Callable[[Person], Browser], alice: Person) -> None:
    page = sign_in(alice).get("/dev/components").text
    assert 'aria-describedby="cron-error"' in page and 'aria-invalid="true"' in page
    assert 'id="cron-error"' in page


def test_it_writes_the_rest_of_the_page_in_the_readers_numbers(
    sign_in: Callable[[Person], Browser], alice: Person
) -> None:
    browser = sign_in(alice)
    browser.get("/dev/components")
    browser.post("/preferences/language", language="ru")
    assert "4\u00a0866" in browser.get("/dev/components").text


def test_it_does_not_exist_in_production(settings: Settings) -> None:
    production = Settings.from_env({
        "DATA_DIR": str(settings.data_dir), "REDIS_URL": settings.redis_url,
        "ENVIRONMENT": "production", "SECRET_KEY": "k" * 64, "PUBLIC_URL": "https://dastgoh.test",
    })  # fmt: skip
    assert production.development is False
    assert not [rule for rule in create_app(production).url_map.iter_rules() if rule.rule.startswith("/dev")]
