"""The body of every error: RFC 9457 problem details."""

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

PROBLEM_JSON = "application/problem+json"


class Fault(BaseModel):
    """One thing wrong with a request."""

    pointer: str = Field(description="Where: `/body/…`, `/query/…` or `/path/…`")
    detail: str


class Problem(BaseModel):
    """Why a request was not done, and what to do about it."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "type": "/problems/not_found",
                "title": "Not found",
                "status": 404,
                "detail": "there is no model 'gpt-4o'; create it with POST /v1/models",
            }
        },
    )

    type: str = Field(description="Stable; what a program should look at")
    title: str
    status: int
    detail: str = Field(description="For a person")
    errors: list[Fault] | None = Field(None, description="Each fault of an invalid request")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that may answer with these statuses."""
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {PROBLEM_JSON: {"schema": schema}},
        }
        for status in statuses
    }
