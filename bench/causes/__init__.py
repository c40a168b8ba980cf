"""What `explain` says of random damage, compared with what the generator knows."""
