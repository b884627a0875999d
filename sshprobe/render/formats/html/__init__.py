"""A report as one HTML file that needs no network. Its script and style are the files of this package."""
