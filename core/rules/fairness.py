"""How free slots are shared among the jobs that wait for them."""

import heapq
from collections.abc import Hashable, Mapping
from typing import TypeVar

K = TypeVar("K", bound=Hashable)


def share(slots: int, waiting: Mapping[K, int], in_flight: Mapping[K, int]) -> dict[K, int]:
    """Return how many of the free slots each job gets; a job that gets none is left out.

    Slot by slot, each goes to the job with the fewest requests in flight that still has one
    waiting (max-min fairness), the first in `waiting` where several are equal.
    """
    order = list(waiting)
    ready = [(in_flight.get(job, 0), place) for place, job in enumerate(order) if waiting[job] > 0]
    heapq.heapify(ready)
    given: dict[K, int] = {}
    for _ in range(slots):
        if not ready:
            break
        load, place = ready[0]
        job = order[place]
        given[job] = given.get(job, 0) + 1
        if given[job] < waiting[job]:
            heapq.heapreplace(ready, (load + 1, place))
        else:
            heapq.heappop(ready)
    return given
