"""The head of a profile that extends another."""

HEAD = """\
id = "ours"
title = "Ours"
version = "7"
date = "2026-11-21"
source = "the wiki"
extends = "mozilla-modern"
"""
