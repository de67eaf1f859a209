"""What stands between a connection and Django, so that no client can hold up the others.

Each part is an ASGI application round another one, or is used by uvicorn, and knows one rule:
`protocols` and `connections` watch over connections, `address_limits` over addresses, `bodies`
reads what is sent, `load_shedding` turns away what cannot be served soon, `threads` runs Django,
`probes` answers those that ask how the server is. `firmlight/asgi.py` puts them together.
"""
