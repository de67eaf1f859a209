"""What a connection, a request and an address may take of a web process (firmlight/serving)."""

from firmlight.settings.read import number, whole

WEB_THREADS = whole("WEB_THREADS", 10, 1)  # requests that one web process works on at once
WEB_REQUESTS_MAX = whole("WEB_REQUESTS_MAX", 200, 1)  # those and the ones that wait for a thread
WEB_SOCKETS_MAX = whole("WEB_SOCKETS_MAX", 10_000, 1)  # of one web process, workers and browsers
BUSY_RETRY_SECONDS = whole("BUSY_RETRY_SECONDS", 2, 1)  # what those who are turned away hear

# Of one address, or of the /64 of an IPv6 one. Browsers open six connections for a page and keep
# them for some seconds, so 2,000 are the people of a large building behind one address; workers
# whose token is known do not count. 100 requests under way are half of WEB_REQUESTS_MAX: the other
# half is for others.
CONNECTIONS_PER_ADDRESS_MAX = whole("CONNECTIONS_PER_ADDRESS_MAX", 2000, 1)
REQUESTS_PER_ADDRESS_MAX = whole("REQUESTS_PER_ADDRESS_MAX", 100, 1)

HEAD_SECONDS_MAX = number("HEAD_SECONDS_MAX", 10, 0.1)  # until the head of a request is there
HEAD_BYTES_MAX = whole("HEAD_BYTES_MAX", 64 * 2**10, 1024)
PIPELINED_REQUESTS_MAX = whole(
    "PIPELINED_REQUESTS_MAX", 8
)  # sent on one connection before they are answered
HELLO_BYTES_MAX = whole(
    "HELLO_BYTES_MAX", 256 * 2**10, 1024
)  # of a socket before it is known whose it is

# Bodies and answers alike: a line of 1 KiB/s is slower than any modem, and a pause of 20 s is
# nothing.
TRANSFER_WINDOW_SECONDS = number("TRANSFER_WINDOW_SECONDS", 20, 0.1)
TRANSFER_BYTES_PER_SECOND_MIN = whole("TRANSFER_BYTES_PER_SECOND_MIN", 1024)  # in every such window
BODY_SECONDS_MAX = number(
    "BODY_SECONDS_MAX", 3600, 1
)  # for a whole body: 100 MiB at 32 KiB/s take 3,200
ANONYMOUS_BODY_BYTES_MAX = whole(
    "ANONYMOUS_BODY_BYTES_MAX", 64 * 2**10, 1024
)  # without token and cookie
BODY_BYTES_MAX = whole("BODY_BYTES_MAX", 2**20, 1024)  # with one, where no task is submitted
BODY_MEMORY_BYTES_MAX = whole(
    "BODY_MEMORY_BYTES_MAX", 256 * 2**10
)  # of a body; the rest lies in a file
BODIES_PER_USER_BYTES_MAX = whole(
    "BODIES_PER_USER_BYTES_MAX", 256 * 2**20, 1024
)  # under way, of one user
BODIES_BYTES_MAX = whole(
    "BODIES_BYTES_MAX", 512 * 2**20, 1024
)  # of all that are under way in a process
RESPONSES_BYTES_MAX = whole(
    "RESPONSES_BYTES_MAX", 64 * 2**20, 1024
)  # unread; then slow readers are cut off
