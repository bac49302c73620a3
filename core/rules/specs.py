"""What users declare: datasets, models and conditions, validated."""

from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    StringConstraints,
    field_validator,
    model_validator,
)

from core.rules.tokens import ImageRule
from core.vocabulary import Color, Detail, Modality, Task

Name = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$"),
    Field(description="Lower-case letters, digits, dot, dash and underscore; at most 64"),
]
Label = Annotated[
    str,
    # Prompts list the labels on one line, so no label may break it.
    StringConstraints(strip_whitespace=True, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$"),
]

HeaderName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", max_length=100, to_lower=True)
]
# Printable ASCII: anything else a server, or a proxy before it, may read in another way.
HeaderValue = Annotated[str, StringConstraints(pattern=r"^[!-~](?:[ -~]*[!-~])?$", max_length=1000)]

Wire = Literal["openai-chat", "openai-responses", "anthropic-messages", "gemini-generate"]
"""The wire formats that `core.providers.adapters` speaks."""

POSITIVE, NEGATIVE = "positive", "negative"
"""The classes that the sign of a numeric target decides between."""


class Spec(BaseModel):
    """Base of every declaration: frozen, and a word it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _without_password(url: HttpUrl) -> HttpUrl:
    """Return a URL; raises ValueError for one that holds what a header should."""
    if url.username is not None or url.password is not None:
        raise ValueError("must hold no user and no password: messages are signed instead")
    return url


HookUrl = Annotated[HttpUrl, AfterValidator(_without_password)]
"""Where a message may go: http or https, at most 2,083 characters."""


class ScoringRules(Spec):
    """How predictions on a dataset become figures."""

    headline: Literal["accuracy", "uar", "weighted_f1", "macro_f1"] = "accuracy"
    out_of_vocabulary: Literal["wrong", "dropped"] = "wrong"
    """What an answered label outside the dataset's labels counts as."""
    map: dict[Label, Label] | None = Field(
        None, max_length=1000, description="The class that each label counts as; null: itself"
    )
    target: Literal["label", "sign"] = Field(
        "label", description="`sign`: targets are numbers; one of exactly 0 is left out"
    )


class Files(Spec):
    """Where the published code keeps a dataset, below its folder."""

    labels: str = Field("label.csv", max_length=200, description="The manifest: `name,gt`")
    media: str | None = Field(None, max_length=200, description="The folder of images or videos")
    texts: str | None = Field(None, max_length=200, description="The folder of texts")


class About(Spec):
    """What a dataset's spec says beside how it is judged; all of it may be left out."""

    citation: str | None = Field(None, max_length=2000)
    obtain: str | None = Field(None, max_length=2000, description="How to get the dataset")
    files: Files | None = None
    batch_size: int | None = Field(None, ge=1, le=1000, description="Samples in a request")
    frames: int | None = Field(None, ge=1, le=100, description="Frames taken from each video")


class DatasetSpec(About):
    """What a dataset says of itself; its samples come beside it."""

    name: Name
    task: Task
    modality: Modality
    labels: tuple[Label, ...] = Field(min_length=2, max_length=1000)
    variant: str | None = Field(None, max_length=64)
    scoring: ScoringRules = ScoringRules()

    @property
    def classes(self) -> tuple[str, ...]:
        """Return what figures are made of: the labels, or what they are mapped to."""
        if self.scoring.map is None:
            return self.labels
        mapped = {label.casefold(): name for label, name in self.scoring.map.items()}
        return tuple(dict.fromkeys(mapped[label.casefold()] for label in self.labels))

    @model_validator(mode="after")
    def labels_differ_when_folded(self) -> Self:
        """Refuse labels that only case or outer blanks tell apart: an answer could not."""
        folded = {label.casefold() for label in self.labels}
        if len(folded) != len(self.labels):
            raise ValueError("labels must differ by more than case")
        return self

    @model_validator(mode="after")
    def every_label_has_a_class(self) -> Self:
        """Refuse a map that leaves a label out or names one that is none, and a sign of neither."""
        given = self.scoring.map
        if given is not None:
            mapped = [label.casefold() for label in given]
            if sorted(mapped) != sorted(label.casefold() for label in self.labels):
                raise ValueError("scoring.map must name every label once, and nothing else")
            if len(self.classes) < len({POSITIVE, NEGATIVE}):
                raise ValueError("scoring.map must keep at least two classes apart")
        if self.scoring.target == "sign" and set(self.classes) != {POSITIVE, NEGATIVE}:
            raise ValueError(f"with target sign the classes must be {POSITIVE} and {NEGATIVE}")
        return self


class CredentialRef(Spec):
    """Where a secret is read from when it is used."""

    env: str | None = Field(None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    file: str | None = Field(None, min_length=1)
    stored: str | None = Field(
        None,
        pattern=r"^[0-9a-f]{16}$",
        description="A secret that the service keeps, encrypted, by its fingerprint",
    )

    @model_validator(mode="after")
    def exactly_one_source(self) -> Self:
        """Require one of the sources."""
        given = (self.env, self.file, self.stored)
        if given.count(None) != len(given) - 1:
            raise ValueError("a credential names either env, file or stored")
        return self

    @property
    def key(self) -> str:
        """Return the credential's public name, as limits and attempts record it."""
        named = {"env": self.env, "file": self.file, "stored": self.stored}
        return next(f"{source}:{name}" for source, name in named.items() if name is not None)


ANONYMOUS = "anonymous"
"""The credential key of a model without credentials."""


class Limits(Spec):
    """What a provider allows one credential. None: not known."""

    rpm: int | None = Field(None, gt=0, description="Requests a minute")
    tpm: int | None = Field(None, gt=0, description="Tokens a minute")
    rpd: int | None = Field(None, gt=0, description="Requests a day")
    concurrency: int | None = Field(
        None,
        gt=0,
        le=2000,
        description="Requests under way at once; null: found, up to 256",
    )


class Capabilities(Spec):
    """What one request may hold."""

    images_per_request: int = Field(20, gt=0)
    body_mb: float = Field(20.0, gt=0)


class Prices(Spec):
    """US dollars for a million tokens."""

    input_per_mtok: float = Field(ge=0)
    output_per_mtok: float = Field(ge=0)
    batch_discount: float = Field(
        0.5, ge=0, le=1, description="The part of these that calls in batches cost"
    )

    @property
    def in_batches(self) -> Self:
        """Return what calls in batches cost."""
        each = {"input_per_mtok": self.input_per_mtok, "output_per_mtok": self.output_per_mtok}
        cut = {name: price * self.batch_discount for name, price in each.items()}
        return self.model_copy(update=cut)


class Auth(Spec):
    """The header that carries the secret."""

    header: HeaderName
    scheme: str | None = Field(
        None, pattern=r"^[A-Za-z]+$", max_length=32, description="The word before it, as in Bearer"
    )


SECRET_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-goog-api-key"}
)
MAX_URL = 2083
"""Characters that an address is read with, at most: pydantic's bound."""
SECRET_QUERY = frozenset({"key", "api_key", "api-key", "apikey", "access_token", "token"})
OWN_HEADERS = frozenset(
    {"host", "connection", "content-type", "content-length", "transfer-encoding", "accept-encoding"}
)
"""Headers that say how the request is sent; a model has no say in them."""


class ModelSpec(Spec):
    """A named endpoint and how it may be used."""

    name: Name
    wire: Wire = "openai-chat"
    base_url: HttpUrl
    query: dict[str, str] = Field(
        default_factory=dict, max_length=20, description="Sent behind the address with each call"
    )
    headers: dict[HeaderName, HeaderValue] = Field(
        default_factory=dict, max_length=20, description="Sent with each call; no secrets"
    )
    auth: Auth | None = Field(None, description="null: as the wire's own provider wants it")
    model: str = Field(min_length=1, max_length=200, description="The provider's model id")
    credentials: tuple[CredentialRef, ...] = ()
    limits: Limits = Limits()
    capabilities: Capabilities = Capabilities()
    prices: Prices | None = None
    image_tokens: ImageRule = "tiles"
    max_tokens: int = Field(1000, gt=0, description="Upper bound of the answer, in tokens")
    temperature: float | None = Field(0.0, ge=0, le=2, description="None: the provider's default")
    timeout_s: float = Field(60.0, gt=0, le=600)

    @field_validator("base_url")
    @classmethod
    def address_can_be_read_back(cls, url: HttpUrl) -> HttpUrl:
        """Refuse what grows too long once it is written out, percent-encoded, to be stored."""
        if len(str(url)) > MAX_URL:
            raise ValueError(f"an address has at most {MAX_URL} characters, percent-encoded")
        return url

    @field_validator("base_url")
    @classmethod
    def address_holds_no_secret(cls, url: HttpUrl) -> HttpUrl:
        """Refuse a user or password in the address: it is stored, shown and logged."""
        names = {name.casefold() for name, _ in url.query_params()}
        if url.username is not None or url.password is not None or names & SECRET_QUERY:
            raise ValueError("name secrets in credentials, not in the address")
        return url

    @field_validator("query")
    @classmethod
    def query_holds_no_secret(cls, query: dict[str, str]) -> dict[str, str]:
        """Refuse what is known to carry a key: the query is stored, shown and logged."""
        if secret := sorted(name for name in query if name.casefold() in SECRET_QUERY):
            raise ValueError(f"{secret[0]} carries a secret: name it in credentials")
        return query

    @model_validator(mode="after")
    def headers_are_free_to_set(self) -> Self:
        """Refuse headers that carry secrets, or say how the request is sent."""
        taken = SECRET_HEADERS | ({self.auth.header} if self.auth else set())
        if secret := sorted(taken & self.headers.keys()):
            raise ValueError(f"{secret[0]} carries the secret: name that in credentials")
        if own := sorted(OWN_HEADERS & self.headers.keys()):
            raise ValueError(f"{own[0]} is set by gerbench")
        if self.auth and self.auth.header in OWN_HEADERS:
            raise ValueError(f"{self.auth.header} cannot carry a secret")
        return self

    @model_validator(mode="after")
    def credentials_differ(self) -> Self:
        """Refuse the same credential twice: its limits would be counted twice."""
        keys = [credential.key for credential in self.credentials]
        if len(set(keys)) != len(keys):
            raise ValueError("credentials must differ")
        return self

    @property
    def credential_keys(self) -> tuple[str, ...]:
        """Return the keys that limits are counted under."""
        return tuple(c.key for c in self.credentials) or (ANONYMOUS,)


class Condition(Spec):
    """What a run holds fixed; part of its identity."""

    modality: Modality
    template: str
    """Name and version, such as `default@1`."""
    frames: int | None = Field(None, ge=1, le=100)
    """Frames taken from each video, uniformly; None where no video is shown."""
    color: Color = Color.RGB
    detail: Detail = Detail.LOW
    longest_side: int | None = Field(None, ge=16, le=8192)
    """Larger pictures are scaled down to this many pixels; None: as they are."""
    jpeg_quality: int = Field(95, ge=1, le=100)
    """Quality of pictures that have to be encoded anew."""
