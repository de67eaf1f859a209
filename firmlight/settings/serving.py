"""Limits for connections, requests and addresses of a web process (firmlight/serving)."""

from firmlight.settings.read import number, whole

WEB_THREADS = whole("WEB_THREADS", 10, 1)  # requests that one web process works on at a time
WEB_REQUESTS_MAX = whole("WEB_REQUESTS_MAX", 200, 1)  # these and the ones that wait for a thread
WEB_SOCKETS_MAX = whole("WEB_SOCKETS_MAX", 10_000, 1)  # of one web process, workers and browsers
BUSY_RETRY_SECONDS = whole("BUSY_RETRY_SECONDS", 2, 1)  # sent as Retry-After with a refusal

# Of one address, or of the /64 of an IPv6 address. Browsers open six connections for a page and
# keep them for some seconds, so 2,000 suffice for the people of a large building.
# Workers with a valid token do not count. 100 requests are half of WEB_REQUESTS_MAX: the other half
# is for others. Users who are logged in have as many of their own.
CONNECTIONS_PER_ADDRESS_MAX = whole("CONNECTIONS_PER_ADDRESS_MAX", 2000, 1)
REQUESTS_PER_ADDRESS_MAX = whole("REQUESTS_PER_ADDRESS_MAX", 100, 1)

# Nobody waits for their share while so much of the machine's processor time is idle, and of one
# core for this process; 100: everybody always does.
SPARE_PROCESSOR_PERCENT_MIN = number("SPARE_PROCESSOR_PERCENT_MIN", 50, 1)
# Processor time of requests without a valid token or cookie, of one address: a share of one core,
# and so many seconds at once. Two seconds are enough for some fifty people who log in.
ADDRESS_PROCESSOR_PERCENT_MAX = number("ADDRESS_PROCESSOR_PERCENT_MAX", 2, 0.1)
ADDRESS_PROCESSOR_SECONDS_MAX = number("ADDRESS_PROCESSOR_SECONDS_MAX", 2, 0.01)
# The same of a user who is logged in, whatever the address, while others are there.
USER_PROCESSOR_PERCENT_MAX = number("USER_PROCESSOR_PERCENT_MAX", 10, 0.1)
USER_PROCESSOR_SECONDS_MAX = number("USER_PROCESSOR_SECONDS_MAX", 5, 0.01)
# So long a request or a handshake waits for its share; if that is not enough, it is refused.
SHARE_WAIT_SECONDS_MAX = number("SHARE_WAIT_SECONDS_MAX", 5)
# Of one address or user; more of them wait to be refused.
REFUSALS_PER_SECOND_MAX = number("REFUSALS_PER_SECOND_MAX", 5, 0.1)
# Handshakes of sockets of one address whose owner does not become known.
STRANGERS_PER_MINUTE_MAX = whole("STRANGERS_PER_MINUTE_MAX", 600, 1)
# Tokens and cookies of one address that are looked up, to know whose requests they are.
LOOKUPS_PER_MINUTE_MAX = whole("LOOKUPS_PER_MINUTE_MAX", 600, 1)

HEAD_SECONDS_MAX = number("HEAD_SECONDS_MAX", 10, 0.1)  # until the head of a request is complete
HEAD_BYTES_MAX = whole("HEAD_BYTES_MAX", 64 * 2**10, 1024)
# Requests on one connection that are not answered yet.
PIPELINED_REQUESTS_MAX = whole("PIPELINED_REQUESTS_MAX", 8)
# From a socket before its token is checked.
HELLO_BYTES_MAX = whole("HELLO_BYTES_MAX", 256 * 2**10, 1024)

# Of bodies and answers alike: 1 KiB/s is slower than any modem, and a pause of 20 s is harmless.
TRANSFER_WINDOW_SECONDS = number("TRANSFER_WINDOW_SECONDS", 20, 0.1)
TRANSFER_BYTES_PER_SECOND_MIN = whole("TRANSFER_BYTES_PER_SECOND_MIN", 1024)  # in every such window
# For a whole body: 100 MiB at 32 KiB/s take 3,200 s.
BODY_SECONDS_MAX = number("BODY_SECONDS_MAX", 3600, 1)
# Of a body in a request without token and cookie.
ANONYMOUS_BODY_BYTES_MAX = whole("ANONYMOUS_BODY_BYTES_MAX", 64 * 2**10, 1024)
BODY_BYTES_MAX = whole("BODY_BYTES_MAX", 2**20, 1024)  # with one of them, unless it submits a task
# Of a body; the rest is kept in a file.
BODY_MEMORY_BYTES_MAX = whole("BODY_MEMORY_BYTES_MAX", 256 * 2**10)
# Bodies of one user that are under way.
BODIES_PER_USER_BYTES_MAX = whole("BODIES_PER_USER_BYTES_MAX", 256 * 2**20, 1024)
# All bodies under way in one process.
BODIES_BYTES_MAX = whole("BODIES_BYTES_MAX", 512 * 2**20, 1024)
# Answers that clients have not read; beyond that the slowest readers are disconnected.
RESPONSES_BYTES_MAX = whole("RESPONSES_BYTES_MAX", 64 * 2**20, 1024)
