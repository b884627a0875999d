"""Fuzz targets for the wire. How to run them and what they have run: docs/testing.md.

A target is a module with `one_input(data)`, which raises when something is wrong with the code under test, and
`seeds()`, inputs to start from. It knows nothing of the fuzzer: the tests run the same functions over the seeds.
"""
