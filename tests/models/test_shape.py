"""Inputs of a wrong shape or type are named with the right one."""

import pytest
import torch

from earwitness import models
from earwitness.errors import ParameterError


@pytest.mark.parametrize("wrong", [(2, 1, 7999), (2, 8000), (2, 2, 8000)])
def test_a_wrong_shape_is_named_with_the_right_one(wrong):
    with pytest.raises(ParameterError, match=r"AudioNet takes float input \(batch, 1, 8000\)"):
        models.AudioNet(2)(torch.zeros(wrong))


def test_whole_numbers_are_refused():
    with pytest.raises(ParameterError, match="int64"):
        models.AlexNet(2)(torch.zeros(1, 1, 227, 227, dtype=torch.int64))
