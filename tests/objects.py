"""A real S3-compatible server on loopback, for tests of media that are in an object store."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import s3fs
from moto.server import ThreadedMotoServer

BUCKET = "gerbench-media"


@contextmanager
def bucket() -> Iterator[dict[str, str]]:
    """Serve an empty bucket; yield the variables by which AWS' own clients find it."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "for-tests",
        "AWS_SECRET_ACCESS_KEY": "for-tests",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    try:
        files = s3fs.S3FileSystem(
            key="for-tests",
            secret="for-tests",
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            skip_instance_cache=True,
        )
        files.mkdir(BUCKET)
        yield environment
    finally:
        server.stop()
