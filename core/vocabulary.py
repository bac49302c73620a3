"""The words of the field, as closed sets."""

from enum import StrEnum


class Role(StrEnum):
    """What a key may do in its team; each role may all that the one before it may."""

    VIEWER = "viewer"
    """Reads."""
    MEMBER = "member"
    """Imports, declares models and templates, submits and controls jobs."""
    ADMIN = "admin"
    """Makes and revokes keys, sets budgets, takes models out of use."""

    def includes(self, other: "Role") -> bool:
        """Tell whether this role may all that another may."""
        ladder = list(Role)
        return ladder.index(self) >= ladder.index(other)


class Task(StrEnum):
    """A GER task."""

    FACIAL_EMOTION = "facial_emotion"
    VISUAL_SENTIMENT = "visual_sentiment"
    TWEET_SENTIMENT = "tweet_sentiment"
    MICRO_EXPRESSION = "micro_expression"
    DYNAMIC_FACIAL_EMOTION = "dynamic_facial_emotion"
    MULTIMODAL_EMOTION = "multimodal_emotion"


class Modality(StrEnum):
    """What a sample consists of, or which part of it a condition shows to the model."""

    IMAGE = "image"
    TEXT = "text"
    IMAGE_TEXT = "image+text"
    VIDEO = "video"
    VIDEO_TEXT = "video+text"

    @property
    def parts(self) -> frozenset[str]:
        """Return the single modalities this one is made of."""
        return frozenset(self.value.split("+"))


class MediaKind(StrEnum):
    """What a stored medium is."""

    IMAGE = "image"
    VIDEO = "video"
    FRAMES = "frames"
    """A video kept as a folder of frame images, in name order."""


class Color(StrEnum):
    """How pixels are sent."""

    RGB = "rgb"
    GRAY = "gray"
    """Luminance repeated in three channels."""
    GRAYSCALE = "grayscale"
    """Luminance in one channel: a real grayscale file."""


class Detail(StrEnum):
    """The provider's image detail."""

    LOW = "low"
    HIGH = "high"
    AUTO = "auto"


class Outcome(StrEnum):
    """How a sample of a run ended. A sample without one is pending."""

    ANSWERED = "answered"
    REFUSED = "refused"
    """Alone in its request, and still refused after the allowed number of tries."""
    UNPARSED = "unparsed"
    """Answered, but no reading of the answer is certain."""
    FAILED = "failed"
    """No answer: the provider rejected the request, or every attempt failed."""


class Origin(StrEnum):
    """Who made a run's predictions."""

    SERVICE = "service"
    PUBLISHED = "published"
    """Somebody else, who published them: there is no job, no request and no raw response."""


class Dispatch(StrEnum):
    """How a job's requests reach the provider."""

    ONLINE = "online"
    BATCH = "batch"
    """In files, through the provider's batch mode: cheaper, within a day."""


class Cause(StrEnum):
    """Why a request exists."""

    PLANNED = "planned"
    REFUSAL = "refusal"
    """Its parent was refused and is split to find the sample behind it."""
    MISSING = "missing"
    """Its parent's answer left these samples out."""
    LENGTH = "length"
    """Its parent's answer was cut off by the token limit."""
    TOO_LARGE = "too_large"
    """Its parent was too large for the provider."""
    RETRY = "retry"
    """A person asked for the failed samples again."""


class Result(StrEnum):
    """How an attempt ended; what the provider's reply, or its absence, means."""

    SENT = "sent"
    """Written before the call leaves. A crash leaves it here until `rescue` makes it unknown."""
    ANSWERED = "answered"
    REFUSED = "refused"
    LENGTH = "length"
    """The answer was cut off by the token limit."""
    TOO_LARGE = "too_large"
    """The provider takes no request of this size: bytes, tokens or images."""
    RATE_LIMITED = "rate_limited"
    QUOTA = "quota"
    """`insufficient_quota`: the credential is exhausted until its reset."""
    UNAUTHORIZED = "unauthorized"
    """401 or 403: the credential is revoked, or never was valid."""
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    RESET = "reset"
    """The connection broke or could not be made."""
    MALFORMED = "malformed"
    """A reply that is not of the wire format: truncated JSON, an HTML page."""
    REJECTED = "rejected"
    """Any other 4xx: sending it again cannot help."""
    WITHDRAWN = "withdrawn"
    """The provider never saw it, or its batch ended before it came to this line: not billed."""
    UNKNOWN = "unknown"
    """The worker died between sending and hearing, or the batch is gone: possibly billed."""


class ExportFormat(StrEnum):
    """The file that an export becomes."""

    CSV = "csv"
    """For spreadsheets and people; text that a spreadsheet would obey is quoted."""
    JSONL = "jsonl"
    """One JSON object a line; verbatim."""
    PARQUET = "parquet"
    """Typed columns, compressed; verbatim."""
