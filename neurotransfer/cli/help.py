"""Help in sections. Options name their section and say whether they are common; commands arrange them."""

import re
from typing import TYPE_CHECKING, Any, Literal, get_args

import click
from click.core import ParameterSource

from neurotransfer.system.errors import InputError

if TYPE_CHECKING:
    from click.types import OptionHelpExtra

Section = Literal["Input", "Look", "Optimisation", "Output", "Resources", "Messages"]

SHORT_LIST = 12
"""A command with more options than this shows only the common ones in --help, and the others in --help-all."""

_SHOW_ALL = "neurotransfer.show_all"
_COLUMN = 30  # the widest that Click makes the column of the names


class SectionOption(click.Option):
    """An option with a place in the help."""

    def __init__(self, *args: Any, section: Section = "Messages", common: bool = False, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.section, self.common = section, common

    def get_error_hint(self, ctx: click.Context | None) -> str:
        """Return what names the option in an error: the environment variable, if the value is from there."""
        return _variable(self, ctx) or super().get_error_hint(ctx)

    def get_help_extra(self, ctx: click.Context) -> "OptionHelpExtra":
        """Return Click's notes, with worded defaults as they are: Click puts them in round brackets."""
        extra = super().get_help_extra(ctx)
        if isinstance(self.show_default, str):
            extra["default"] = self.show_default
        return extra


class SectionCommand(click.Command):
    """A command whose help has sections; where they are long, --help shows the common options only."""

    def __init__(self, *args: Any, examples: tuple[str, ...] = (), **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.examples = examples
        self.is_long = len(self.params) > SHORT_LIST
        help_all = click.Option(
            ["--help-all"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            hidden=not self.is_long,  # but accepted everywhere
            callback=_print_full_help,
            help="Show all options and exit.",
        )
        self.params.append(help_all)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; its errors name the environment variables that were set instead of their options."""
        try:
            return super().invoke(ctx)
        except InputError as error:
            message = str(error)
            for option in self.params:
                if variable := _variable(option, ctx):
                    message = re.sub(
                        rf"(?<![\w-])({'|'.join(map(re.escape, option.opts))})(?![\w-])", variable, message
                    )
            error.args = (message,)
            raise

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, then the common options or those of every section."""
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:  # not wrapped, so that they can be copied
                    formatter.write(f"{'':{formatter.current_indent}}{example}\n")
        options = [parameter for parameter in self.get_params(ctx) if isinstance(parameter, click.Option)]
        if self._is_short(ctx):
            common = [option for option in options if not isinstance(option, SectionOption) or option.common]
            _write_section(ctx, formatter, "Common options", common)
            return
        for section in get_args(Section):
            _write_section(ctx, formatter, section, [option for option in options if _section(option) == section])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the epilog; after the common options, also where the others are."""
        super().format_epilog(ctx, formatter)
        if self._is_short(ctx):
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(f"{ctx.command_path} --help-all shows all options.")

    def _is_short(self, ctx: click.Context) -> bool:
        return self.is_long and not ctx.meta.get(_SHOW_ALL)


def _print_full_help(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        ctx.meta[_SHOW_ALL] = True
        click.echo(ctx.get_help())
        ctx.exit()


def _variable(option: click.Parameter, ctx: click.Context | None) -> str | None:
    """Return the environment variable that gave an option its value, if one did."""
    if ctx is None or ctx.get_parameter_source(option.name or "") != ParameterSource.ENVIRONMENT:
        return None
    return option.envvar if isinstance(option.envvar, str) else None


def _section(option: click.Option) -> Section:
    return option.section if isinstance(option, SectionOption) else "Messages"  # --help and --help-all


def _write_section(ctx: click.Context, formatter: click.HelpFormatter, title: str, options: list[click.Option]) -> None:
    records = [record for option in options if (record := option.get_help_record(ctx))]  # None: a hidden option
    if records:
        with formatter.section(title):
            # Equal widths make the descriptions of all sections begin in the same column.
            formatter.write_dl([(name.ljust(_COLUMN), text) for name, text in records])
