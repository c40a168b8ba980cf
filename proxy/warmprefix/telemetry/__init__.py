"""OpenTelemetry: a span and measurements of each turn, for a collector that the environment names."""
