"""SSH transport, sans-IO: bytes in, events out.

Start reading at `sshprobe.wire.transport`. Each module is one concept of RFC 4251 to 4254:

    transport       one connection: calls and events        states          its states and transitions, a table
    handshake       one key exchange                        authentication  answers to one "none" request
    kex/            the key exchange methods                codec           the data types
    messages        payloads as values                      identification  the first line, and lines before it
    framing         packet_length, interface of ciphers     ciphers         encrypted packets, and their keys
    client_kexinit  a KEXINIT with all we speak             suites          our ciphers and MACs
    host_keys       public key and certificate blobs        public_keys     their contents
    signatures      signature blobs and schemes             events          messages of the server, as values
    limits, errors  what is refused
"""
