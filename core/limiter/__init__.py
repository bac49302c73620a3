"""Room under a provider's limits, reserved ahead of time."""
