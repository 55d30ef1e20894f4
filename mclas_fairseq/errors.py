"""The one family of exceptions that this package raises for its users.

Every message names the subject, the rule, the value met and the remedy, in this order. The `mclas`
command turns an `MclasError` into one line and exit code 2; inside fairseq's own commands it
travels up like any other exception.
"""


class MclasError(Exception):
    """Base of all errors that a user of this package can cause and mend."""


class DataError(MclasError):
    """A corpus, a record or a data-bin is not as it must be."""


class ConfigError(MclasError):
    """A flag, or a combination of flags, asks for what cannot be done."""


class CheckpointError(MclasError):
    """A checkpoint cannot be read safely or does not fit the data."""


class SetupError(MclasError):
    """Something that should be installed is missing or broken."""


class TranslatorError(MclasError):
    """A translator ended early, hung, or gave something other than a line for each line."""


class OutputError(MclasError):
    """Something cannot be written where it was asked for."""


def first_line(error: BaseException) -> str:
    """What another library says is wrong, short enough to stand in one line of ours."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
