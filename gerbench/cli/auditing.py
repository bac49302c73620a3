"""What an audit asks, and how its answer is found: pure, from the API's bodies."""

from gerbench.client import Json


def report(job: Json, run_id: str) -> str:
    """Return what was submitted and what to do when it has completed."""
    own = job["runs"][0]["id"]
    count = job["progress"]["samples"]
    return (
        f"job {job['id']} asks again about {count} sample{'s' * (count != 1)} of run {run_id[:8]},"
        " one a request\n"
        f"Watch it: gerbench jobs watch {job['id'][:8]}\n"
        f"Then: gerbench analyses position --run {run_id[:8]} --run {own[:8]} --table sizes"
    )
