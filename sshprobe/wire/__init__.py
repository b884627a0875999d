"""SSH transport, sans-IO: bytes in, events out.

Start reading at `sshprobe.wire.transport`. Each module is one concept of RFC 4251 to 4254:

    transport       one connection: calls and events        states          its states and transitions, a table
    packet_stream   bytes, packets, sequence numbers        handshake       one key exchange
    authentication  one "none" request                      kex/            the key exchange methods
    codec           the data types                          identification  the first line, and lines before it
    messages        payloads as values                      client_kexinit  our KEXINIT, and negotiation
    framing         packets before NEWKEYS                  ciphers         packets after NEWKEYS
    suites          ciphers and MACs to choose from         key_derivation  from the shared secret to keys
    public_keys     contents of keys and certificates       host_keys       public key blobs
    certificates    OpenSSH certificates                    signatures      signature blobs
    schemes         RSA, DSA, ECDSA, EdDSA                  events          what the server did
    limits, errors  what is refused
"""
