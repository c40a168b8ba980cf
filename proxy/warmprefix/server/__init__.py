"""The ASGI shell: sockets in, sockets out, no decisions."""
