import socket

import pytest

from embedded import Problem, ports


@pytest.fixture
def taken():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_busy_port_is_named_with_a_way_out(taken):
    with pytest.raises(
        Problem, match=f"port {taken} is in use on 127.0.0.1; choose another one, for example PORT="
    ):
        ports.check_free("127.0.0.1", taken)


def test_the_preferred_port_is_taken_if_it_is_free(taken):
    free = ports.free("127.0.0.1")
    assert ports.free("127.0.0.1", free) == free
    assert ports.free("127.0.0.1", taken) != taken


@pytest.mark.parametrize("text", ["abc", "-1", "65536", "80.0", "", "٣"])
def test_what_is_no_port_is_refused(text):
    with pytest.raises(Problem, match="PORT must be a number from 0 to 65535"):
        ports.parse(text)


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(Problem, match=r"HOST=192\.0\.2\.1 is no address of this machine"):
        ports.free("192.0.2.1")
