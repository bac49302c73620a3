# One image for every process: `gerbench up --no-worker`, `gerbench worker`, `gerbench beat`.
FROM python:3.12-slim AS build
WORKDIR /build
COPY pyproject.toml requirements.lock ./

# What builds the rest comes from the lock as well, by hash.
RUN awk '/^[^ #]/ { on = /^(uv|setuptools)==/ } on' requirements.lock > tools.lock \
    && python -m venv /tools \
    && /tools/bin/pip install --no-cache-dir --quiet --no-deps --require-hashes -r tools.lock

# The runtime part of the lock: the names that pyproject.toml needs without its dev extra, with the
# versions and the hashes of the lock. Media may be in S3.
RUN /tools/bin/uv pip compile --quiet --extra s3 --no-annotate --no-header --python-version 3.12 \
        --constraint requirements.lock pyproject.toml -o names.txt \
    && awk 'NR == FNR { wanted[$1]; next } /^[^ #]/ { on = $1 in wanted } on' \
        names.txt requirements.lock > runtime.lock \
    && test "$(grep -c '^[^ #]' runtime.lock)" -ge "$(grep -c '^[^ #]' names.txt)" \
    && /tools/bin/uv venv --quiet --python python3.12 /venv \
    && /tools/bin/uv pip install --quiet --no-cache --python /venv/bin/python --no-deps \
        --require-hashes --only-binary :all: --compile-bytecode -r runtime.lock

COPY README.md LICENSE ./
COPY api api
COPY core core
COPY gerbench gerbench
COPY migrations migrations
COPY worker worker
RUN /tools/bin/python -c "import setuptools.build_meta as b; print(b.build_wheel('dist'))" \
    && /tools/bin/uv pip install --quiet --no-cache --python /venv/bin/python --no-deps \
        --compile-bytecode dist/*.whl


FROM python:3.12-slim
RUN useradd --system --uid 10001 --home-dir /data gerbench \
    && install -d -o gerbench -g gerbench -m 0700 /data /data/spool /media
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    GERBENCH_DATA=/data
USER gerbench
WORKDIR /data
VOLUME ["/data"]
EXPOSE 8000
CMD ["gerbench", "up", "--no-worker", "--host", "0.0.0.0", "--port", "8000"]
