"""Commands that are loaded when somebody runs them, or asks for their own help."""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, Self

import typer
from typer import main as typer_main
from typer.core import TyperCommand, TyperGroup

Table = Mapping[str, Mapping[str, tuple[str, str]]]
"""By section and name: module:attribute in this room, a command or a group of them, and the first line of its help."""


class LazyCommand(TyperCommand):
    """A command of which only name and help are known, until somebody runs it or asks for its own help."""

    def __init__(self, name: str, where: str, help_text: str) -> None:
        super().__init__(name, help=help_text)
        self._where = where

    def make_context(self, *arguments: Any, **more: Any) -> Any:  # noqa: ANN401 - handed on
        """The context of the loaded command; Click then runs the command that the context names."""
        return self.load().make_context(*arguments, **more)

    def load(self) -> Any:  # noqa: ANN401 - Typer keeps Click's types to itself
        """The command itself, or the group of commands."""
        module, _, attribute = self._where.partition(":")
        found = getattr(import_module(f"infrastructure.cli.{module}"), attribute)
        parent = typer.Typer()
        if isinstance(found, typer.Typer):
            parent.add_typer(found, name=self.name, help=self.help)
        else:
            parent.command(self.name)(found)
        loaded = typer_main.get_group(parent).commands[str(self.name)]
        read_lightly(loaded)
        return loaded


class LazyCommands(TyperGroup):
    """A table of lazy commands; their help is printed by section, without Typer's tables, which are slow to load."""

    table: Table = MappingProxyType({})

    def add_table(self, table: Table) -> None:
        """Add all commands of the table."""
        self.table = table
        for commands in table.values():
            for name, (where, help_text) in commands.items():
                self.add_command(LazyCommand(name, where, help_text))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - Click's type
        """Without any argument, print the help and end with status 2: Typer would print it by Rich alone."""
        if not args and self.no_args_is_help and not ctx.resilient_parsing:
            typer.echo(ctx.get_help())
            ctx.exit(2)
        return super().parse_args(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - Click's types
        """As Click prints help."""
        super(TyperGroup, self).format_help(ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - Click's types
        """The commands by section."""
        for section, commands in self.table.items():
            with formatter.section(section):
                formatter.write_dl(
                    [(typer.style(name, fg="cyan"), text) for name, (_, text) in commands.items()]
                )


class _Reading:
    """Reads a parameter's value: text, what is absent, and what is of the parameter's type already is taken as it is.

    Typer loads Pydantic to read any value at all, which takes longer than most commands; here it does so for the rest.
    """

    def __init__(self, parameter: Any) -> None:  # noqa: ANN401 - Typer keeps Click's types to itself
        self._kind = parameter.type_descriptor.annotation
        self._by_typer = parameter.get_runtime_param

    def __call__(self) -> Self:
        return self

    def coerce(self, value: Any, **of: Any) -> Any:  # noqa: ANN401 - what Click parsed
        """The value as the command takes it."""
        if value is None or type(value) is self._kind or self._kind == list[str]:
            return value
        return self._by_typer().coerce(value, **of)


def read_lightly(command: Any) -> None:  # noqa: ANN401 - Typer keeps Click's types to itself
    """Let parameters of a command, and of the commands in a group, be read without Pydantic where they can be."""
    for parameter in command.get_params(typer.Context(command)):
        parameter.get_runtime_param = _Reading(parameter)
    for each in getattr(command, "commands", {}).values():
        read_lightly(each)
