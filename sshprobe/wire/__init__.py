"""SSH transport, sans-IO: bytes in, events out.

Start reading at `sshprobe.wire.transport`. Each module is one concept of RFC 4251 to 4254:

    transport       one connection: calls and events        states          its states and transitions, a table
    handshake       one key exchange                        authentication  one "none" request
    kex/            the key exchange methods                codec           the data types
    messages        payloads as values                      identification  the first line, and lines before it
    framing         packets before NEWKEYS                  ciphers         packets after NEWKEYS, and their keys
    client_kexinit  our KEXINIT, and negotiation            suites          our ciphers and MACs
    host_keys       public key and certificate blobs        public_keys     their contents
    signatures      signature blobs                         signature_schemes  RSA, DSA, ECDSA, EdDSA
    events          messages of the server, as values       limits, errors  what is refused
"""
