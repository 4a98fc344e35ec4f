"""The command `bench`: finds the command's file when it is called, and renders every fault once."""

from __future__ import annotations

import errno
import importlib
import io
import os
import sys
import traceback
from typing import TYPE_CHECKING, NoReturn

import click

from bench_suite._version import __version__
from bench_suite.cli.output import say
from bench_suite.components.suggestions import nearest
from bench_suite.contracts import BenchError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS = {
    "run": "Train, evaluate and measure every cell of a suite.",
    "try": "Try models on tasks without a file, and see the suite that equals it.",
    "plan": "Show the cells of a suite, before anything is spent.",
    "init": "Write a commented suite to start from.",
    "new": "Write a new task, model, engine or probe, a working file with its test.",
    "list": "List tasks, models, engines, problems, probes, metrics or suites.",
    "show": "Show one component: its facts, options and help; or all of a cell.",
    "data": "Show where each data set would come from, here and now.",
    "doctor": "Devices, versions, peak rates of this machine, and what is missing.",
    "selftest": "Run every instrument on tasks whose answers are known, and compare.",
    "results": "List the runs in the store.",
    "report": "Write the report of one run or several, as Markdown.",
    "leaderboard": "Write the leaderboard, or put it into a Markdown file.",
    "compare": "Compare two runs, metric by metric; exit 1 where one regressed.",
    "baseline": "Keep a run as the baseline of its suite, and list what is kept.",
    "schema": "Print the JSON Schema of suite files, for editors.",
    "completion": "Print the script by which a shell completes commands and names.",
}
_FILES = {"try": "try_command"}
"Files of commands that cannot be called as the command is: `try` is a word of Python."


class _Commands(click.Group):
    """Commands by name; a command's file is imported only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS]  # not list(): once `bench list` was called, that is its module

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        file = _FILES.get(cmd_name, cmd_name)
        command: click.Command = importlib.import_module(f"bench_suite.cli.{file}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(f'there is no command "{args[0]}"{nearest(args[0], COMMANDS)}', ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands, without importing their files, or else this group's own options."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        from click.shell_completion import CompletionItem

        return [CompletionItem(name, help=text) for name, text in COMMANDS.items() if name.startswith(incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="bench")
def bench() -> None:
    """Benchmark and evaluate machine-learning models: one file says what, one command does it.

    \b
      bench try --task mnist --model mlp,cnn
      bench run quickstart          three real data sets, six models
      bench plan mine.toml          the cells of a suite, before anything is spent
      bench show model mlp          what a component is, and its options

    Exit status: 0 all well; 1 a gate failed or a metric regressed; 2 the input is wrong; 3 some cells
    failed or were unavailable; 4 a comparison cannot tell, or has no baseline; 130 interrupted.
    """


UNREAD = 141
"Exit status where whoever read the output, as `head` does, has gone before its end: 128 + SIGPIPE, as elsewhere."
BROKEN = 70
"Exit status of a fault of the program itself: EX_SOFTWARE, none of those that say something of a model."


def main() -> None:
    """Run the command line; every fault is explained once, here, and becomes the exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that cannot show a name still gets all else
    try:
        status = bench.main(prog_name="bench", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        say(shown.getvalue().rstrip(), err=True)
        sys.exit(2)
    except BenchError as error:
        say(f"bench: {error}", err=True)
        sys.exit(error.exit_status)
    except (KeyboardInterrupt, click.exceptions.Abort):
        say("interrupted", err=True)
        sys.exit(130)
    except SystemExit as ended:
        # So click ends where whoever read the output has gone while a command wrote it.
        sys.exit(UNREAD if type(sys.stdout).__name__.endswith("PacifyFlushWrapper") else ended.code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(UNREAD)
    except OSError as error:
        if error.filename is not None or error.errno not in (errno.ENOSPC, errno.EIO, errno.EBADF):
            _own_fault()
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        say(f"bench: the output cannot be written: {error.strerror}", err=True)
        sys.exit(2)
    except Exception:  # noqa: BLE001 - a fault of the program must not end with the status of a regression
        _own_fault()
    sys.exit(status if isinstance(status, int) else 0)


def _own_fault() -> NoReturn:
    """End with the traceback of a fault that nobody foresaw."""
    traceback.print_exc()
    say("bench: this is a fault of bench itself; please report it with what is above", err=True)
    sys.exit(BROKEN)
