"""Runs the next version of gerbench: `python -m tests.chaos.ahead worker`.

Its tables have a column more than those of this version, which it also reads.
"""

from sqlalchemy import Text
from sqlalchemy.orm import mapped_column

from core.tables import Attempt, Request, Run

for entity in (Run, Request, Attempt):
    entity.remark = mapped_column(Text, nullable=True)

if __name__ == "__main__":
    from gerbench.cli.main import main

    main()
