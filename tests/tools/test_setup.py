"""Set-up: does what is needed, does it once, and uses the index the user has told pip about."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.setup import browser, frontend, python
from tools.setup.pip_settings import uv_environment
from tools.setup.stamps import Step
from tools.setup.system import ROOT


@pytest.fixture
def step(tmp_path):
    source, made = tmp_path / "source", tmp_path / "made"
    source.write_text("one")
    runs = []

    def make(facts=()):
        def action():
            runs.append(source.read_text())
            made.write_text(source.read_text())

        return Step("made", tmp_path / "state/stamp", [source], [made], action, facts)

    make.source, make.made, make.runs = source, made, runs
    return make


def test_it_does_nothing_while_its_inputs_stay_the_same(step):
    assert step().ensure()
    os.utime(step.source)
    assert not step().ensure()
    assert step.runs == ["one"]


def test_it_works_again_after_a_change_of_content(step):
    step().ensure()
    step.source.write_text("two")
    step().ensure()
    assert step.runs == ["one", "two"]


def test_it_works_again_when_its_output_has_gone(step):
    step().ensure()
    step.made.unlink()
    assert step().ensure()


def test_it_works_again_when_a_fact_has_changed(step):
    step(("3.11",)).ensure()
    assert step(("3.12",)).ensure()


def test_a_step_that_failed_is_not_taken_for_done(step, tmp_path):
    step().ensure()
    step.source.write_text("two")
    failing = Step("made", tmp_path / "state/stamp", [step.source], [step.made], lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        failing.ensure()
    step.source.write_text("one")
    assert step().ensure()


@pytest.fixture
def home(tmp_path):
    (tmp_path / ".config/pip").mkdir(parents=True)
    return {"HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path / "none")}


def pip_conf(home, text):
    (Path(home["HOME"]) / ".config/pip/pip.conf").write_text(text)


def test_uv_gets_the_index_and_certificate_of_the_pip_configuration(home):
    pip_conf(
        home, "[global]\nindex-url = https://mirror.test/simple\nextra_index_url = file:///a\n  file:///b\ncert = /ca\n"
    )
    given = uv_environment(home)
    assert given["UV_DEFAULT_INDEX"] == "https://mirror.test/simple"
    assert given["UV_INDEX"] == "file:///a file:///b"
    assert given["UV_INDEX_STRATEGY"] == "unsafe-best-match"
    assert given["SSL_CERT_FILE"] == "/ca"


def test_a_pip_variable_wins_over_the_file(home):
    pip_conf(home, "[global]\nindex-url = https://mirror.test/simple\n")
    given = uv_environment({**home, "PIP_INDEX_URL": "https://other.test/simple"})
    assert given["UV_DEFAULT_INDEX"] == "https://other.test/simple"


def test_what_the_user_has_set_for_uv_is_left_alone(home):
    pip_conf(home, "[global]\nindex-url = https://mirror.test/simple\n")
    given = uv_environment({**home, "UV_DEFAULT_INDEX": "https://mine.test/simple"})
    assert "UV_DEFAULT_INDEX" not in given


def test_a_pip_configuration_that_cannot_be_read_is_passed_over(home):
    pip_conf(home, "index-url with no section\n")
    uv_environment(home)


def test_no_committed_file_of_locks_names_an_address():
    locks = [*python.LOCKS.values(), python.UV_LOCK, frontend.NODE_LOCK, ROOT / "package-lock.json", ROOT / ".npmrc"]
    for lock in locks:
        text = lock.read_text()
        assert "resolved" not in text.replace("omit-lockfile-registry-resolved", ""), lock
        assert "--index-url" not in text and "registry." not in text, lock


def test_every_package_of_the_locks_is_hash_checked():
    for lock in (*python.LOCKS.values(), python.UV_LOCK, frontend.NODE_LOCK):
        names = [line for line in lock.read_text().splitlines() if "==" in line and not line.lstrip().startswith("#")]
        assert names, lock
        assert all(line.endswith("\\") for line in names), lock


def test_what_runs_is_pinned_alike_in_both_locks():
    run, test = (set(pins(lock)) for lock in python.LOCKS.values())
    assert run <= test


def pins(lock):
    return (line.split(" ")[0] for line in lock.read_text().splitlines() if "==" in line and line[0].isalnum())


def test_the_build_made_an_icon_for_every_name_in_the_list():
    listed = [line for line in (ROOT / "tools/icons.txt").read_text().split("\n") if line and not line.startswith("#")]
    sprite = (ROOT / "static/build/icons.svg").read_text()
    assert [name for name in listed if f'id="icon-{name}"' not in sprite] == []


def test_a_named_chromium_that_does_not_exist_is_not_replaced_by_another(tmp_path):
    assert browser.find_chromium({"CHROMIUM": str(tmp_path / "nowhere")}) is None


def test_an_old_python_is_refused_in_one_sentence(tmp_path):
    pretend = "import sys; sys.version_info = (3, 9, 2); import tools.setup"
    done = subprocess.run([sys.executable, "-c", pretend], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Dastgoh needs Python 3.11") and "Traceback" not in done.stderr


def test_a_second_set_up_has_nothing_to_do_and_says_nothing():
    command = [sys.executable, "-m", "tools.setup", "test"]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert again.stdout + again.stderr == ""
