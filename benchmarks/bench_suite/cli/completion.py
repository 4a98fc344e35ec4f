"""`bench completion`: print the script that a shell needs to complete the arguments of `bench`."""

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
    """Print a script that completes commands, options and names in SHELL: bash, zsh or fish.

    It completes the names of suites, components, runs and cells. The script asks bench at each TAB, so it needs
    no update when bench is upgraded. For the current shell only:

    \b
      eval "$(bench completion bash)"        # for zsh: bench completion zsh
      bench completion fish | source

    For every new shell:

    \b
      bench completion bash > ~/.local/share/bash-completion/completions/bench
      bench completion zsh > ~/.bench-completion.zsh
      echo '. ~/.bench-completion.zsh' >> ~/.zshrc
      bench completion fish > ~/.config/fish/completions/bench.fish
    """
    from bench_suite.cli import bench

    # Not the subclass's `.source()`: for bash it starts the default bash to check its version, not the one in use.
    script = ShellComplete.source(SHELLS[shell](bench, {}, "bench", "_BENCH_COMPLETE"))
    lines = "\n".join(f"#   {line}" for line in _INSTALL[shell])
    click.echo(f"# Completion of bench for {shell}. To install it for every new shell:\n{lines}\n{script.rstrip()}")
