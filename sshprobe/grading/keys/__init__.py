"""The mathematics of public keys: what makes a private key, or a shared secret, easy to find. Knows no host."""
