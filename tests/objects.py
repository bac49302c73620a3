"""A real S3-compatible server on loopback, for tests of media that are in an object store."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import s3fs
from moto.server import ThreadedMotoServer


class ObjectStore:
    """A server with an empty bucket; what is in it outlives a stop."""

    def __init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        self._server = self._started(0)
        host, self._port = self._server.get_host_and_port()
        self.environment = {
            "AWS_ENDPOINT_URL": f"http://{host}:{self._port}",
            "AWS_ACCESS_KEY_ID": "for-tests",
            "AWS_SECRET_ACCESS_KEY": "for-tests",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_MAX_ATTEMPTS": "1",
        }
        """The variables by which AWS' own clients find it."""
        files = s3fs.S3FileSystem(
            key="for-tests",
            secret="for-tests",
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            skip_instance_cache=True,
        )
        # Every server of a process has the same buckets.
        bucket = f"gerbench-{uuid4().hex}"
        files.mkdir(bucket)
        self.url = f"s3://{bucket}/media"

    def start(self) -> None:
        """Answer again, at the same address."""
        self._server = self._started(self._port)

    def stop(self) -> None:
        """Refuse connections."""
        self._server.stop()

    @staticmethod
    def _started(port: int) -> ThreadedMotoServer:
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
        server.start()
        return server


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """Serve an empty bucket for as long as it is needed."""
    store = ObjectStore()
    try:
        yield store
    finally:
        store.stop()
