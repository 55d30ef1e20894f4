"""What `--executor ray` asks before it asks Ray; a real Ray is tested by tests/clusters."""

import socket

import pytest

from mclas_fairseq.errors import SetupError
from mclas_fairseq.roundtrip.ray_cluster import _check_reachable


def test_an_address_that_nobody_listens_at_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        _check_reachable(address)
    with pytest.raises(SetupError, match=f"must answer at RAY_ADDRESS={address}, but none does"):
        _check_reachable(address)


@pytest.mark.parametrize("address", ["", "auto", "local", "ray://nowhere.invalid:10001"])
def test_other_ways_to_name_a_cluster_are_left_to_ray(address: str) -> None:
    _check_reachable(address)
