"""`bench schema`: print the JSON Schema of suite files."""

from __future__ import annotations

import json

import click

from bench_suite.suite.json_schema import suite_schema


@click.command()
def command() -> None:
    """Print the JSON Schema of suite files, with which an editor completes and checks them.

    To use it, write this as the first line of a suite:  #:schema ./suite.schema.json

    \b
      bench schema > suite.schema.json
    """
    click.echo(json.dumps(suite_schema(), indent=2, default=list))
