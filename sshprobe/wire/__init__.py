"""SSH transport, sans-IO: bytes in, events out.

Start reading at `sshprobe.wire.transport`. Each module is one concept of RFC 4251 to 4254:

    transport       one connection: calls and events        states          its states and transitions, a table
    handshake       one key exchange                        authentication  one "none" request
    kex/            the key exchange methods                codec           the data types
    messages        payloads as values                      identification  the first line, and lines before it
    framing         packets before NEWKEYS                  ciphers         packets after NEWKEYS
    client_kexinit  our KEXINIT, and negotiation            key_derivation  from the shared secret to keys
    suites          ciphers and MACs to choose from         host_keys       public key blobs
    certificates    OpenSSH certificates                    public_keys     contents of keys and certificates
    schemes         RSA, DSA, ECDSA, EdDSA                  signatures      signature blobs
    events          what the server did                     limits, errors  what is refused
"""
