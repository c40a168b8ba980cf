"""Wire shapes: how one endpoint's JSON becomes core values, and how changed values become JSON."""
