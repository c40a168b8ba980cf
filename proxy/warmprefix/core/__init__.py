"""The pure core: values in, values out. No network, clock, file, log or event loop."""
