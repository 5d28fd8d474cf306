"""The page that a browser gets: static files over the REST interface, and the way to read them.

``static`` holds all that is sent; ``assets`` reads it.  What the page shows and does comes from
``/v1``, so nothing here knows a host.
"""
