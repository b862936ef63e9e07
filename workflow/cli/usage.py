"""Help, and what is wrong with a command line, in the reader's language: Typer's own words are in English only."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any

import typer
from typer.core import TyperGroup

from workflow.cli.arguments import COULD_NOT, say_error, spoken

_WRONG: type[Exception] = typer.BadParameter.__mro__[1]  # the base of everything wrong with a command line

# What Typer says of a value, as a pattern; what it means. First match wins.
_VALUES = (
    (r"valid integer", "expected a whole number", "应为整数"),
    (r"valid (?:number|float)", "expected a number", "应为数字"),
    (r"(?:greater than or equal to |x>=)([\d.]+)", "expected at least {}", "不得小于 {}"),
    (r"(?:less than or equal to |x<=)([\d.]+)", "expected at most {}", "不得大于 {}"),
    (r"date|match the format", "expected a day such as 2019-12-31", "应为日期,如 2019-12-31"),
)


# Which part of the package brings what a command needs: pip install 'signoff-workflow[web]'.
_PARTS = {
    "uvicorn": "web",
    "starlette": "web",
    "jinja2": "web",
    "openpyxl": "importing",
    "xlsxwriter": "export",
    "typst": "export",
    "psycopg": "postgresql",
    "gmssl_pyx": "sm2",
    "rfc3161_client": "certified",
}


# What stands around the lines of a help page: where Typer keeps it, in English and in Chinese.
_AROUND = (
    ("ARGUMENTS_PANEL_TITLE", "Arguments", "参数"),
    ("OPTIONS_PANEL_TITLE", "Options", "选项"),
    ("COMMANDS_PANEL_TITLE", "Commands", "命令"),
    ("DEFAULT_STRING", "[default: {}]", "[默认:{}]"),
    ("ENVVAR_STRING", "[env var: {}]", "[环境变量:{}]"),
    ("REQUIRED_LONG_STRING", "[required]", "[必填]"),
)
_COMMAND: Any = next(c for c in TyperGroup.__mro__ if "get_help_option" in vars(c))  # of Typer's or of Click's own
_get_help_option = _COMMAND.get_help_option


def speak(zh: bool) -> None:
    """Let the help pages that follow stand in one language. Typer has no place to hand its own words in; where a later one
    keeps them elsewhere, they stay English."""

    def help_option(command: Any, ctx: Any) -> Any:
        option = _get_help_option(command, ctx)
        if option is not None:
            option.help = "显示此说明后退出" if zh else "Show this message and exit."
        return option

    def usage(command: Any, ctx: Any) -> str:
        pages = sys.modules.get("typer.rich_utils")  # loaded for a help page only, and this is its first line
        for name, en, chinese in _AROUND:
            if hasattr(pages, name):
                setattr(pages, name, chinese if zh else en)
        written = " ".join([ctx.command_path, *command.collect_usage_pieces(ctx)])
        return f"用法:{written}" if zh else f"Usage: {written}"

    _COMMAND.get_help_option = help_option
    _COMMAND.get_usage = usage


class Command(TyperGroup):
    """The ``workflow`` command, which says in one language what is wrong with how it was called."""

    def main(self, args: Sequence[str] | None = None, **named: Any) -> Any:  # type: ignore[override]
        if not named.pop("standalone_mode", True):
            return super().main(args, standalone_mode=False, **named)
        zh = spoken(sys.argv[1:] if args is None else args) == "zh"
        speak(zh)
        try:
            code = super().main(args, standalone_mode=False, **named)
        except (_WRONG, typer.Abort, ModuleNotFoundError, OSError) as error:
            code = _ends(error, zh)
        sys.exit(code if isinstance(code, int) else 0)


def _ends(error: BaseException, zh: bool) -> int:
    """Say why a command ended, and the exit code of it.

    Raises:
        ModuleNotFoundError: what is missing is no part that could be installed.
    """
    if isinstance(error, typer.Abort):
        say_error("已中止" if zh else "stopped")
        return 1
    if isinstance(error, ModuleNotFoundError):
        part = _PARTS.get((error.name or "").partition(".")[0])
        if part is None:
            raise error
        run = f"pip install 'signoff-workflow[{part}]'"
        say_error(f"尚未安装 {error.name},请运行:{run}" if zh else f"{error.name} is not installed. Run: {run}")
    elif isinstance(error, OSError):  # what is printed cannot be written: a full disk behind a pipe
        from workflow.errors import why_not

        say_error(why_not(error).get("zh" if zh else "en"))
    else:
        for line in told(error, zh):
            say_error(line)
    return COULD_NOT


def told(wrong: Any, zh: bool) -> Iterator[str]:
    """What is wrong, how the command is written, and where to read more."""
    if type(wrong).__name__ == "NoArgsIsHelpError":
        return  # the help itself was shown
    yield f"错误:{_in_chinese(wrong)}" if zh else f"error: {_in_english(wrong)}"
    if wrong.ctx is not None:
        path = wrong.ctx.command_path
        usage = " ".join([path, *wrong.ctx.command.collect_usage_pieces(wrong.ctx)])
        yield f"用法:{usage}" if zh else f"usage: {usage}"
        yield f"详见:{path} --help" if zh else f"more: {path} --help"


def _in_english(wrong: Any) -> str:
    kind = type(wrong).__name__
    if kind == "NoSuchOption":
        return f"there is no option {wrong.option_name}{_near(wrong, '; did you mean {}?')}"
    if kind == "MissingParameter":
        return f"{_name(wrong)} is missing"
    name, said = _name(wrong), str(wrong.message)
    for pattern, meaning, _ in _VALUES if name else ():
        if found := re.search(pattern, said):
            return f"{name}: {meaning.format(*found.groups())}"
    return f"{name}: {said}" if name else said


def _in_chinese(wrong: Any) -> str:
    kind, said = type(wrong).__name__, str(wrong.message)
    name = _name(wrong)
    if kind == "NoSuchOption":
        return f"没有选项 {wrong.option_name}{_near(wrong, ',是否应为 {}?')}"
    if kind == "MissingParameter":
        return f"缺少 {name}"
    if hasattr(wrong.message, "zh"):  # our own words
        return f"{name}:{wrong.message.zh}" if name else str(wrong.message.zh)
    if found := re.search(r"No such command '(.*?)'(?:.*mean '(.*?)')?", said):
        return f"没有命令 {found[1]}" + (f",是否应为 {found[2]}?" if found[2] else "")
    if "Missing command" in said:
        return "缺少命令"
    if found := re.search(r"unexpected extra argument.*\((.*)\)", said):
        return f"多余的内容:{found[1]}"
    if found := re.search(r"Option '(.*?)' (requires|does not take)", said):
        return f"选项 {found[1]} {'之后须写值' if found[2] == 'requires' else '不带值'}"
    for pattern, _, meaning in _VALUES:
        if found := re.search(pattern, said):
            return f"{name}:{meaning.format(*found.groups())}"
    return f"{name}:{said}" if name else said


def _near(wrong: Any, sentence: str) -> str:
    known = [name for param in wrong.ctx.command.params for name in param.opts] if wrong.ctx is not None else []
    found = get_close_matches(wrong.option_name, known, n=1)
    return sentence.format(found[0]) if found else ""


def _name(wrong: Any) -> str:
    """The option or argument that is meant, as it stands in the usage."""
    hint, param = getattr(wrong, "param_hint", None), getattr(wrong, "param", None)
    if hint is None and param is not None:
        named = param.opts[0] if param.param_type_name == "option" else param.metavar or param.name.upper()
        hint = named.strip("[].")
    return hint if isinstance(hint, str) else " / ".join(hint or ())
