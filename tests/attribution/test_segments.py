"""Segments put together again, against loops over cells."""

import pytest
import torch

from earwitness.attribution.segments import over_segments
from earwitness.errors import ParameterError


@pytest.mark.parametrize("hop", [1, 2, 3, 5])
def test_a_cell_gets_the_mean_of_the_segments_that_hold_it(hop):
    relevance = torch.randn(2, 4, 3, 5, generator=torch.Generator().manual_seed(0))
    n_frames = 3 * hop + 5 + 1
    mean = over_segments(relevance, n_frames, hop)
    for frame in range(n_frames):
        inside = [relevance[:, s, :, frame - s * hop] for s in range(4) if 0 <= frame - s * hop < 5]
        expected = torch.stack(inside).mean(0) if inside else torch.zeros(2, 3)
        torch.testing.assert_close(mean[..., frame], expected)


def test_segments_beyond_the_last_frame_are_refused():
    with pytest.raises(ParameterError, match="do not fit 7 frames"):
        over_segments(torch.ones(4, 3, 5), 7, 1)
