"""SSH transport, sans-IO: bytes in, events out.

Start reading at `sshprobe.wire.transport`, whose docstring tells how a connection runs. Each other module is one
concept of RFC 4251 to 4254:

    codec           the data types                          identification  the first line, and those before it
    messages        payloads as values                      framing         packets before NEWKEYS
    client_kexinit  our KEXINIT                             suites          which ciphers to agree on
    kex/            the key exchange methods                key_derivation  from the secret to keys
    public_keys     what keys and certificates hold         ciphers         packets after NEWKEYS
    host_keys       public key blobs, read                  certificates    OpenSSH certificates, read
    signatures      proofs                                  schemes         RSA, DSA, ECDSA, EdDSA
    host_key_proof  the exchange hash and its signature     limits, errors  what is refused, and how
"""
