"""The help: sections, common options first, defaults without double brackets, nothing heavy imported."""

import re
import shlex
import subprocess
import sys
import time
from typing import get_args

import click
import pytest
from click.testing import CliRunner

from neurotransfer.cli.help import SHORT_LIST, Section, SectionOption
from neurotransfer.cli.main import cli
from neurotransfer.cli.option_types import Choice
from tests.conftest import COMMAND, clean_environment

LONG_COMMANDS = ("run", "evaluate")
SECTIONS = get_args(Section)
COMMON_OF_RUN = {
    *("--content", "--style", "--output", "--overwrite", "--print", "--preset", "--size", "--style-scale"),
    *("--strength", "--steps", "--time-budget", "--quiet"),
}


def every_command(group=cli, path=()):
    """Yield (words, command) of every command that is no group."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from every_command(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(every_command())


def page(*words):
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    return done.output


def options_below(title, text):
    """Return the long names of the options that stand under a heading, as they stand there."""
    (section,) = re.findall(rf"^{title}:\n((?:  .*\n)+)", text, flags=re.MULTILINE)
    return re.findall(r"^  (?:-\w, )?(--[a-z0-9-]+)", section, flags=re.MULTILINE)


def visible_options(name):
    options = [option for option in cli.commands[name].params if isinstance(option, click.Option) and not option.hidden]
    return sorted([*(option.opts[-1] for option in options), "--help"])


@pytest.mark.parametrize("name", [*LONG_COMMANDS, "resume"])
def test_help_all_shows_every_option_in_one_section(name):
    text = page(name, "--help-all")
    found = [option for title in SECTIONS if f"\n{title}:\n" in text for option in options_below(title, text)]
    assert sorted(found) == visible_options(name)


def test_help_all_shows_the_sections_in_order():
    headings = re.findall(r"^([A-Z]\w+):$", page("run", "--help-all"), flags=re.MULTILINE)
    assert headings == ["Examples", *SECTIONS]


@pytest.mark.parametrize("name", LONG_COMMANDS)
def test_every_option_of_a_long_command_names_its_section(name):
    others = [option for option in cli.commands[name].params if not isinstance(option, SectionOption)]
    assert {option.name for option in others if isinstance(option, click.Option)} == {"help_all"}


def test_help_shows_the_common_options_only():
    text = page("run", "--help")
    assert set(options_below("Common options", text)) == {*COMMON_OF_RUN, "--help", "--help-all"}
    assert len(COMMON_OF_RUN) <= SHORT_LIST
    assert not [title for title in SECTIONS if f"\n{title}:\n" in text]


@pytest.mark.parametrize("name", LONG_COMMANDS)
def test_help_ends_with_where_all_options_are(name):
    assert page(name, "-h").splitlines()[-1].endswith(f"{name} --help-all shows all options.")
    assert "--help-all shows" not in page(name, "--help-all")


def test_help_of_a_short_command_shows_all_its_options():
    assert page("resume", "--help") == page("resume", "--help-all")
    assert "--help-all" not in page("resume", "--help")


def test_options_that_resume_refuses_are_hidden():
    assert "--style-weight " not in page("resume", "--help-all")
    assert "--style-weight " in page("run", "--help-all")


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_defaults_have_no_double_brackets(words):
    for option in ("--help", "--help-all") if words[0] in LONG_COMMANDS else ("--help",):
        text = re.sub(r"\s+", " ", page(*words, option))
        assert "[(" not in text
        assert "((" not in text
        assert "default: (" not in text


def test_the_default_of_snapshots_is_shown_in_words():
    text = re.sub(r"\s+", " ", page("run", "--help-all"))
    assert "[default: 20 in a folder, 0 for a file" in text


@pytest.mark.parametrize("name", LONG_COMMANDS)
def test_the_examples_are_commands_that_the_program_knows(name):
    command = cli.commands[name]
    assert command.examples
    for example in command.examples:
        assert len(example) <= 78
        assert example in page(name, "--help")
        program, verb, *arguments = shlex.split(example)
        assert (program, verb) == ("neurotransfer", name)
        command.make_context(verb, arguments)  # parses, and fails for an option that does not exist


def test_help_all_is_quick():
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        subprocess.run([COMMAND, "run", "--help-all"], check=True, capture_output=True, env=clean_environment())
        times.append(time.perf_counter() - begun)
    assert min(times) < 0.3


@pytest.mark.parametrize("name", LONG_COMMANDS)
def test_help_all_imports_nothing_heavy(name):
    code = (
        f"import sys; sys.argv = ['neurotransfer', {name!r}, '--help-all']\n"
        "from neurotransfer.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0, end.code\n"
        "assert not {'tensorflow', 'numpy', 'PIL', 'requests'} & set(sys.modules), 'heavy'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=clean_environment())


@click.command()
@click.option("--preset", type=Choice(["default", "classic"], {"seed": "classic"}))
def choose(preset):
    click.echo(preset)


def test_an_alias_is_accepted_as_the_name_that_it_stands_for():
    for given in ("seed", "classic"):
        assert CliRunner().invoke(choose, ["--preset", given]).output == "classic\n"


def test_an_alias_is_shown_in_neither_help_nor_errors():
    assert "seed" not in CliRunner().invoke(choose, ["--help"]).output
    done = CliRunner().invoke(choose, ["--preset", "best"])
    assert "'best' is not one of 'default', 'classic'" in done.output
    assert "seed" not in done.output
