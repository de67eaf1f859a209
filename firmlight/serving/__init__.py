"""What stands between a connection and Django, so that no client can hold up the others.

Each part wraps an ASGI application, or is used by uvicorn, and knows one rule:

- `protocols` and `connections` end connections that are too slow;
- `core.address_limits` limits what one address has under way;
- `bodies` reads the bodies of requests; `body_bounds` says how large they may be, `owners` whose
  they are;
- `load_shedding` turns away what cannot be served soon;
- `threads` runs Django, and `outgoing` bounds the answers that are not read;
- `probes` answers health checks.

`firmlight/asgi.py` puts them together.
"""
