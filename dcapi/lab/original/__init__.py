"""A stand-in of the original Distributed Cloud manager, as a peer of a site of this project.

It is a second implementation, in memory, of what an original does towards its peers; it shares nothing with
the sites of this project but the lab's tools. Start with ``OriginalSite`` in original_site.py.
"""
