"""The script a user would write: the official client, a semaphore, an answer a line.

Run as `python -m benchmarks.peer BASE_URL FOLDER IN_FLIGHT BATCH`. It asks about every picture of
the folder, keeps the answers in a file beside it, and prints the seconds and CPU seconds it took.
"""

import asyncio
import base64
import json
import resource
import sys
import time
from pathlib import Path
from typing import TextIO

import openai

TEXT = "Name the emotions of each face, most likely first, as JSON."


async def ask(client: openai.AsyncOpenAI, pictures: list[Path]) -> str:
    """Return what the model says of some pictures."""
    content: list[object] = [{"type": "text", "text": TEXT}]
    for number, picture in enumerate(pictures, start=1):
        data = base64.b64encode(picture.read_bytes()).decode()
        content.append({"type": "text", "text": f"Image {number}"})
        url = {"url": f"data:image/jpeg;base64,{data}", "detail": "low"}
        content.append({"type": "image_url", "image_url": url})
    reply = await client.chat.completions.create(
        model="benchmark",
        messages=[{"role": "user", "content": content}],  # type: ignore[list-item, misc]
    )
    return reply.choices[0].message.content or ""


async def main(
    base_url: str, pictures: list[Path], answers: TextIO, in_flight: int, batch: int
) -> dict[str, float]:
    """Ask about every picture; return what it took."""
    client = openai.AsyncOpenAI(base_url=base_url, api_key="sk-benchmark")
    room = asyncio.Semaphore(in_flight)
    groups = [pictures[at : at + batch] for at in range(0, len(pictures), batch)]

    async def one(group: list[Path]) -> None:
        async with room:
            answers.write(json.dumps(await ask(client, group)) + "\n")

    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(one(group) for group in groups))
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return {"requests": len(groups), "wall_s": wall, "cpu_s": cpu, "peak_mb": peak_mb}


if __name__ == "__main__":
    _, url, where, in_flight, batch = sys.argv
    found = sorted(Path(where).rglob("*.jpg"))
    with Path(where).with_suffix(".jsonl").open("w") as file:
        print(json.dumps(asyncio.run(main(url, found, file, int(in_flight), int(batch)))))
