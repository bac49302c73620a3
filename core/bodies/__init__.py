"""What the REST API answers, as types: the API fills them, the Python client reads them.

Nothing here knows a table or a session, so that a client needs no server.
"""
