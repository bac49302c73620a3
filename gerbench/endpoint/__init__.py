"""The local endpoint: an OpenAI-compatible server with a real model behind it."""
