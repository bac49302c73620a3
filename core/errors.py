"""Every failure that gerbench expects, drawn once; `code` is stable and public."""

from typing import Any, ClassVar


class DomainError(Exception):
    """Base of every expected failure. `str(error)` says what to do about it."""

    code: ClassVar[str] = "domain_error"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.details = details
        """Further members of the problem document, JSON values only."""


class NotFound(DomainError):
    """The named thing does not exist."""

    code = "not_found"


class Conflict(DomainError):
    """The thing exists, and its state forbids what was asked."""

    code = "conflict"


class IllegalMove(Conflict):
    """A job or run cannot go from where it stands to where it was sent."""

    code = "illegal_move"


class KeyReused(Conflict):
    """An Idempotency-Key came again with another body."""

    code = "idempotency_key_reused"


class StaleSchema(Conflict):
    """The database's schema is not the one that this code needs."""

    code = "stale_schema"


class RawDropped(Conflict):
    """Raw answers that are needed were dropped, since they were kept long enough."""

    code = "raw_dropped"


class InvalidInput(DomainError):
    """What was sent can be read but makes no sense."""

    code = "invalid_input"


class InvalidDataset(InvalidInput):
    """A dataset was not imported; `details["report"]` lists each fault with its reason."""

    code = "invalid_dataset"


class InvalidMedia(InvalidInput):
    """A file is not the image, video or text it claims to be, or is out of bounds."""

    code = "invalid_media"


class InvalidArchive(InvalidInput):
    """An archive is broken, too large, or reaches outside itself."""

    code = "invalid_archive"


class InvalidTemplate(InvalidInput):
    """A prompt template has a placeholder that nothing fills."""

    code = "invalid_template"


class InvalidCursor(InvalidInput):
    """A `cursor` is not one that this list gave out."""

    code = "invalid_cursor"


class Unauthorized(DomainError):
    """No API key, or not a valid one."""

    code = "unauthorized"


class Forbidden(DomainError):
    """The API key's role does not allow this."""

    code = "forbidden"


class TooLarge(DomainError):
    """An upload is larger than this service takes."""

    code = "too_large"


class MissingCredential(DomainError):
    """The secret a model's credential names is not in the environment or the file."""

    code = "missing_credential"


class NotReady(DomainError):
    """The database does not answer, or a part of the service did not start."""

    code = "not_ready"


class MediaAway(NotReady):
    """The media store does not answer; what is in it may be had again later."""

    code = "media_away"
