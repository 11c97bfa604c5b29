import pytest
import torch

from earwitness import attribution, models
from earwitness.errors import ParameterError


def test_it_is_small_enough_for_a_page_and_returns_a_logit_for_each_class():
    model = models.DigitNet(10).eval()
    assert sum(weights.numel() for weights in model.parameters()) == 63_786
    assert model(torch.rand(3, 1, 40, 81)).shape == (3, 10)
    assert models.names(task="page") == ["DigitNet"]


def test_silence_gets_no_relevance():
    torch.manual_seed(0)
    inputs = torch.rand(1, 1, 40, 81)
    inputs[..., 30:] = 0
    relevance = attribution.attribute(models.DigitNet(10).eval(), inputs, 3, "lrp-gamma")
    assert relevance[..., :30].any() and not relevance[..., 30:].any()


def test_another_shape_is_refused():
    with pytest.raises(ParameterError, match="DigitNet takes"):
        models.DigitNet(10)(torch.rand(1, 1, 81, 40))
