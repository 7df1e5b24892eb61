"""For tests of what pages are made of: macros and filters, called without a page."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask, get_template_attribute


@pytest.fixture
def in_request(app: Flask) -> Iterator[None]:
    with app.test_request_context():
        yield


@pytest.fixture
def macros_of(in_request: None) -> Callable[[str], Callable[..., str]]:
    """`macros_of("shared/results.html")("value", …)`: the markup a macro makes."""

    def of(template: str) -> Callable[..., str]:
        return lambda name, *given, **named: str(get_template_attribute(template, name)(*given, **named))

    return of
