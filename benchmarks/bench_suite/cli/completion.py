"""`bench completion`: the script by which a shell completes what is typed after `bench`."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from bench_suite.cli.arguments import NearestChoice

SHELLS: dict[str, type[ShellComplete]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
_INSTALL = {
    "bash": (
        "mkdir -p ~/.local/share/bash-completion/completions",
        "bench completion bash > ~/.local/share/bash-completion/completions/bench",
    ),
    "zsh": ("bench completion zsh > ~/.bench-completion.zsh", "echo '. ~/.bench-completion.zsh' >> ~/.zshrc"),
    "fish": ("mkdir -p ~/.config/fish/completions", "bench completion fish > ~/.config/fish/completions/bench.fish"),
}


@click.command()
@click.argument("shell", type=NearestChoice([*SHELLS]), metavar="SHELL")
def command(shell: str) -> None:
    """Print the script that completes commands, options and names in a SHELL: bash, zsh or fish.

    Names are those of suites, components, runs and cells: it asks bench itself at each TAB, and stays right
    when bench is upgraded. For this shell only:

    \b
      eval "$(bench completion bash)"        # zsh: the same with zsh
      bench completion fish | source

    For every new one:

    \b
      bench completion bash > ~/.local/share/bash-completion/completions/bench
      bench completion zsh > ~/.bench-completion.zsh
      echo '. ~/.bench-completion.zsh' >> ~/.zshrc
      bench completion fish > ~/.config/fish/completions/bench.fish
    """
    from bench_suite.cli import bench

    # Of the class, not `.source()`: that of bash starts one to look at its version, whichever bash is asking.
    script = ShellComplete.source(SHELLS[shell](bench, {}, "bench", "_BENCH_COMPLETE"))
    lines = "\n".join(f"#   {line}" for line in _INSTALL[shell])
    click.echo(f"# Completion of bench for {shell}. To have it in every new shell:\n{lines}\n{script.rstrip()}")
