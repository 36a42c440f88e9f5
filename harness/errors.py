"""Errors a user can cause. Each message is one sentence: what is wrong and what to do."""


class HarnessError(Exception):
    """Base of every error that the harness raises on purpose; shown without a traceback."""


class SpecError(HarnessError, ValueError):
    """A claim, a paper or a bound was declared wrongly, or a name is unknown."""


class ModelError(HarnessError):
    """A model folder, hub id or scale cannot be used."""


class StoreError(HarnessError):
    """The results folder cannot be read or written."""


class MeasureError(HarnessError, ValueError):
    """A measure is undefined on this input: zero update, mismatched shapes, non-finite weights."""


class Unmatched(MeasureError):
    """Two arms are known but cannot be matched; the message says by how much. A claim is then inconclusive, not broken."""


class Unavailable(MeasureError):
    """What a measure asks for is not known of these weights, and cannot be; a claim is then skipped with this sentence."""


class TrainingError(HarnessError):
    """A run could not be trained or cached."""
