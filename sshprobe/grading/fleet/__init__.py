"""What the host keys of many hosts say together: keys and primes that they share, and keys that are weak."""
