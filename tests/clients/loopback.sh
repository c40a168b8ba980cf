#!/bin/sh
# Runs a command in a network of its own that has nothing but loopback, so that no client reaches the internet.
# If that is not allowed it says so and runs the command as it is: keys are dummies, and all addresses that
# clients are given are of this machine.
set -eu
if unshare --map-root-user --net ip link set lo up 2>/dev/null; then
  exec unshare --map-root-user --net sh -c 'ip link set lo up && exec "$@"' sh "$@"
fi
echo "clients: no network namespace can be made here, so clients could reach the internet" >&2
exec "$@"
