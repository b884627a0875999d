"""The mathematics of public keys: properties that make a private key or a shared secret easy to find."""
