"""The version of the program, apart from the Python interface so that any room may state it."""

__version__ = "0.1.0"
