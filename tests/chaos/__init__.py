"""What the service must survive: real processes, real signals, judged by the endpoint's own log."""
