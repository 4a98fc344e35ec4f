"""The command group `bench`: import a command's module when it is called, and print every error in one place."""

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
from bench_suite.cli.reading import shown_readings
from bench_suite.components.suggestions import nearest
from bench_suite.contracts import BenchError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS = {
    "run": "Train, evaluate and measure every cell of a suite.",
    "try": "Try models on tasks without writing a suite file.",
    "plan": "Show the cells, time and downloads of a suite; run nothing.",
    "init": "Write a commented suite file to start from.",
    "new": "Write a new task, model, engine or probe, with its test.",
    "list": "List tasks, models, engines, problems, probes, metrics, suites.",
    "show": "Show one component, one suite file or one cell in full.",
    "data": "Show where the data of each task come from; fetch or check them.",
    "doctor": "Check devices, versions, peak rates and installed packages.",
    "selftest": "Run every instrument on tasks with known answers; compare.",
    "results": "List the stored runs.",
    "import": "Make a run from the results of another tool.",
    "export": "Write a run in the format of another tool.",
    "report": "Write a report of one or more runs, as Markdown.",
    "view": "Show the page of a run in the browser while it goes on.",
    "leaderboard": "Write the leaderboard to a file, or into a Markdown file.",
    "compare": "Compare two runs metric by metric; exit 1 on a regression.",
    "power": "Say how many examples or seeds would find a difference.",
    "merge": "Join runs of parts of one suite into one run.",
    "history": "Show since when a metric is better or worse, over all runs.",
    "ab": "Time two revisions against each other; exit 1 if one is slower.",
    "baseline": "Keep a run as the baseline of its suite, or list baselines.",
    "schema": "Print the JSON Schema of suite files, for editors.",
    "completion": "Print a script for shell completion.",
}
_MODULES = {"try": "try_command", "import": "import_command"}
"Modules whose name differs from their command's: `try` and `import` are Python keywords."


class _Commands(click.Group):
    """A group that imports the module of a command only when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS]  # not list(): after `bench list` was called, `list` is its module

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = _MODULES.get(cmd_name, cmd_name)
        command: click.Command = importlib.import_module(f"bench_suite.cli.{module}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(f'there is no command "{args[0]}"{nearest(args[0], COMMANDS)}', ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the matching commands without importing their modules, or the options of this group."""
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
    """Benchmark and evaluate machine-learning models.

    A suite, one TOML file, names tasks, models and probes. `bench run` trains and measures each combination.

    \b
      bench try --task mnist --model mlp,cnn    try models without a suite file
      bench run quickstart                      three real data sets, six models
      bench plan mine.toml                      what a suite would run
      bench show model mlp                      a component and its options

    Exit status: 0 success; 1 a gate failed or a metric regressed; 2 invalid input; 3 some cells failed or
    were unavailable; 4 a gate or comparison cannot tell, or there is no baseline; 130 interrupted.
    """


EXIT_OUTPUT_CLOSED = 141
"Exit status if the reader of the output, such as `head`, closed it early: 128 + SIGPIPE, as shells report it."
EXIT_INTERNAL_ERROR = 70
"Exit status of an error in the program itself: EX_SOFTWARE, distinct from every status about a model."


def main() -> None:
    """Run the command line, print any error, and exit with its status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that cannot show a character still gets the rest of the text.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with shown_readings():
            status = bench.main(prog_name="bench", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        buffer = io.StringIO()
        error.show(buffer)
        say(buffer.getvalue().rstrip(), err=True)
        sys.exit(2)
    except BenchError as error:
        say(f"bench: {error}", err=True)
        sys.exit(error.exit_status)
    except (KeyboardInterrupt, click.exceptions.Abort):
        say("interrupted", err=True)
        sys.exit(130)
    except SystemExit as exit_request:
        # click wraps the output in such a class, whose name depends on its version, if the reader has closed it.
        closed = type(sys.stdout).__name__.endswith("PacifyFlushWrapper")
        sys.exit(EXIT_OUTPUT_CLOSED if closed else exit_request.code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_OUTPUT_CLOSED)
    except OSError as error:
        if error.filename is not None or error.errno not in (errno.ENOSPC, errno.EIO, errno.EBADF):
            _exit_with_traceback()
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        say(f"bench: the output cannot be written: {error.strerror}", err=True)
        sys.exit(2)
    except Exception:  # noqa: BLE001 - an error in the program must not end with the status of a regression
        _exit_with_traceback()
    sys.exit(status if isinstance(status, int) else 0)


def _exit_with_traceback() -> NoReturn:
    """Print the traceback of the current, unexpected exception and exit."""
    traceback.print_exc()
    say("bench: this is an error in bench itself; please report it with the traceback above", err=True)
    sys.exit(EXIT_INTERNAL_ERROR)
