"""`python -m bench_suite`: the command `bench`."""

from bench_suite.cli import main

main()
