"""The built-in datasets over REST."""

from fastapi import APIRouter
from pydantic import BaseModel

from api.rules import VIEWER
from core import builtin
from core.builtin import Benchmark

router = APIRouter(prefix="/specs", tags=["datasets"])


class Specs(BaseModel):
    """Every built-in dataset."""

    items: list[Benchmark]


@router.get("", dependencies=[VIEWER], summary="List the built-in datasets")
def list_specs() -> Specs:
    """Return the specs that an import takes when only the name of a dataset is given."""
    return Specs(items=list(builtin.benchmarks().values()))
