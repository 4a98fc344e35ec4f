"""One declarative file, one command: train, evaluate and compare models, every number with its uncertainty."""

__version__ = "0.1.0"
