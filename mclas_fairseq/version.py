"""The version: of the package, of signatures of scores, of bundles and cards."""

__version__ = "0.1.0"
