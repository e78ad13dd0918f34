"""Data that is no folder of this machine: archives, shards and folders at addresses.

They look like folders: `PackedPath` has the methods of a `Path`, the listing is read
once, and a file is read whole when it is opened.
"""
