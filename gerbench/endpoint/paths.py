"""Which wire is spoken at which path."""

from gerbench.endpoint.wires import (
    Wire,
    anthropic_messages,
    azure_chat,
    gemini_generate,
    openai_chat,
    openai_responses,
)

WIRES: tuple[tuple[str, Wire], ...] = (
    ("/v1/chat/completions", openai_chat),
    ("/openai/deployments/{deployment}/chat/completions", azure_chat),
    ("/v1/responses", openai_responses),
    ("/v1/messages", anthropic_messages),
    ("/v1beta/models/{model}:generateContent", gemini_generate),
    ("/v1/models/{model}:generateContent", gemini_generate),
)
