"""What the template check finds, and that our templates give it nothing to find."""

from pathlib import Path

import pytest

from tools.check_templates import check, faults_in


def test_our_templates_are_clean() -> None:
    assert check(Path("templates")) == []


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("<p>Save now</p>", "untranslated text: 'Save now'"),
        ('<input placeholder="Your name">', "untranslated placeholder: 'Your name'"),
        ("{{ ui.button('Save') }}", "untranslated argument of button: 'Save'"),
        ("{{ forms.field(form.name, hint='Shown in lists') }}", "untranslated argument of field: 'Shown in lists'"),
        ('<a onclick="go()">{{ label }}</a>', "inline handler onclick"),
        ('<p style="color: red">{{ label }}</p>', "inline style; use a class or an SVG attribute"),
        ("<script>go()</script>", "<script> without a nonce"),
        ("{{ text|safe }}", "|safe turns escaping off"),
        ('<a hx-on:click="go()">{{ label }}</a>', "hx-on needs eval, which the policy blocks"),
        ('<a hx-trigger="click[ctrlKey]">{{ label }}</a>', "trigger filters need eval"),
        ('<a hx-vals="js:{a: 1}">{{ label }}</a>', "js: values need eval"),
        ('<a href="javascript:go()">{{ label }}</a>', "a script as an address"),
    ],
)
def test_it_finds_the_fault(source: str, reason: str) -> None:
    assert [fault.reason for fault in faults_in(source)] == [reason]


@pytest.mark.parametrize(
    "source",
    [
        "<p>{{ _('Save now') }}</p>",
        "{{ ui.button(_('Save'), 'device-floppy') }}",
        '<script nonce="{{ csp_nonce }}">{{ words|tojson }}</script>',
        '<input hx-trigger="submit, input delay:300ms target:input[type=search]">',
        "<p>· {{ name }} → {{ 3 }}</p><code>sdk.http.get</code>",
        "{# Save now, |safe #}",
    ],
)
def test_it_leaves_good_templates_alone(source: str) -> None:
    assert faults_in(source) == []


def test_it_names_the_line() -> None:
    assert faults_in("{% set a = 1 %}\n\n<p>\n  Save now</p>")[0].line == 4


def test_it_lets_development_pages_speak_plainly_but_not_unsafely() -> None:
    assert faults_in("<p>Sample</p>{{ ui.button('Save') }}", development_only=True) == []
    assert faults_in("{{ text|safe }}", development_only=True) != []
