"""The local endpoint: an OpenAI-compatible server with a real model behind it."""

from gerbench.endpoint.draws import is_forbidden
from gerbench.endpoint.launch import LocalEndpoint
from gerbench.endpoint.network import rank, rank_frames
from gerbench.endpoint.options import EndpointOptions

__all__ = ["EndpointOptions", "LocalEndpoint", "is_forbidden", "rank", "rank_frames"]
