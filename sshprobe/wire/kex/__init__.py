"""The key exchanges that we speak: `methods` lists them, `ecdh` and `dh` run them, `exchange` is their interface."""
