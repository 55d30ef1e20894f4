"""The version: of the package, of signatures of scores, of bundles and cards."""

__version__ = "0.2.0"
