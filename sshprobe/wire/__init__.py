"""SSH transport, sans-IO: bytes in, events out.

Start reading at `sshprobe.wire.transport`, whose docstring tells how a connection runs. Each other module is one
concept of RFC 4251 to 4254:

    codec           the data types                          identification  the first line, and those before it
    messages        payloads as values                      framing         packets before NEWKEYS
    key_exchange    the methods, as small machines          suites          which ciphers to agree on
    proposal        our KEXINIT                             key_derivation  from the secret to keys
    elliptic        ECDH and its post-quantum hybrids       ciphers         packets after NEWKEYS
    finite_field    fixed groups and group exchange         groups          the primes
    host_keys       public key blobs                        certificates    OpenSSH certificates
    signatures      proofs                                  schemes         RSA, DSA, ECDSA, EdDSA
    limits, errors  what is refused, and how
"""
