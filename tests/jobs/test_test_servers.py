"""What the other tests stand on: servers of this process's own, and databases apart from each other."""

import pytest
from redis import Redis
from sqlalchemy import create_engine, make_url, text


def run(url, *statements):
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            return [connection.execute(text(statement)) for statement in statements][-1].scalar()
    finally:
        engine.dispose()


def test_redis_answers_on_its_socket(redis_url):
    with Redis.from_url(redis_url) as redis:
        assert redis.ping()


def test_it_copies_a_database_and_keeps_the_copy_apart(postgres_database):
    original = postgres_database()
    run(original, "CREATE TABLE note (text text)", "INSERT INTO note VALUES ('from the template') RETURNING text")
    copy = postgres_database(template=make_url(original).database)
    assert run(copy, "SELECT text FROM note") == "from the template"
    run(copy, "DELETE FROM note RETURNING 1")
    assert run(original, "SELECT count(*) FROM note") == 1


@pytest.mark.browser
def test_pages_do_not_share_cookies(new_page):
    first, second = new_page(), new_page(locale="ru-RU", color_scheme="dark")
    first.context.add_cookies([{"name": "who", "value": "alice", "url": "http://127.0.0.1"}])
    assert second.context.cookies() == []
    assert second.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert second.evaluate("navigator.language") == "ru-RU"
