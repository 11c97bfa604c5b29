"""Raw-waveform networks for phones and speakers (Muckenhirn et al. 2019, Table 1)."""

import torch
from torch import nn

from earwitness import looks
from earwitness.errors import ParameterError
from earwitness.models.registry import register
from earwitness.models.shape import check_shape, check_sizes

SAMPLE_RATE = 16000
N_SAMPLES = 4000  # 250 ms
POOL = 3  # width and shift of every max-pooling, in samples

# Table 1: (kernel width kW, kernel shift dW, number of filters) of each convolution, then hidden
# units
_PHONE = [(30, 10, 80), (7, 1, 60), (7, 1, 60)], 1024
_SPEAKER = [(30, 10, 80), (10, 1, 80)], 100


class _RawWaveform(nn.Sequential):
    """Convolutions, each followed by max-pooling and ReLU; a hidden dense layer with ReLU; a dense
    layer of classes.
    """

    def __init__(
        self,
        convolutions: list[tuple[int, int, int]],
        n_hidden: int,
        n_classes: int,
        n_samples: int,
    ):
        check_sizes(n_classes=n_classes, n_samples=n_samples)
        super().__init__()
        n_in, length = 1, n_samples
        for i, (width, shift, n_filters) in enumerate(convolutions, start=1):
            self.add_module(f"conv{i}", nn.Conv1d(n_in, n_filters, width, stride=shift))
            self.add_module(f"pool{i}", nn.MaxPool1d(POOL, POOL))
            self.add_module(f"relu{i}", nn.ReLU())
            n_in, length = n_filters, ((length - width) // shift + 1) // POOL
        if length < 1:
            raise ParameterError(
                f"{type(self).__name__} has nothing left to classify of {n_samples} samples."
            )
        dense = len(convolutions) + 1
        self.add_module("flatten", nn.Flatten())
        self.add_module(f"fc{dense}", nn.Linear(n_in * length, n_hidden))
        self.add_module(f"relu{dense}", nn.ReLU())
        self.add_module(f"fc{dense + 1}", nn.Linear(n_hidden, n_classes))
        self.n_samples = n_samples

    @classmethod
    def from_card(cls, card: dict) -> nn.Module:
        """Return the untrained network that a card describes."""
        return cls(len(card["classes"]), card.get("n_samples", N_SAMPLES))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the logits (batch, n_classes)."""
        return super().forward(check_shape(inputs, (1, self.n_samples), type(self).__name__))


@register(sample_rate=SAMPLE_RATE, audio="waveform", tasks=("frames",), input_shape=(1, N_SAMPLES))
class PhoneCNN(_RawWaveform):
    """Phone classifier: three convolutions of 80, 60 and 60 filters, then dense layers of 1024 and
    a class per phone.

    Parameters
    ----------
    n_classes : int
        Number of outputs (logits): phones, for instance the 39 of Lee and Hon.
    n_samples : int
        Length of the input in samples; 4000 is 250 ms at 16 kHz.

    Raises
    ------
    ParameterError
        If so few samples are given that the convolutions leave nothing.

    Notes
    -----
    Input (batch, 1, n_samples): a stretch of waveform with mean zero and variance one; output
    (batch, n_classes): which phone is spoken at its centre. Lengths after each pooling: 132, 42,
    12.

    Muckenhirn et al. (2019), section 4.1 and Table 1: kernel width/shift/filters 30/10/80, 7/1/60,
    7/1/60; after each convolution max-pooling of width and shift 3, then ReLU; 1024 hidden units.
    The text leaves open, and we choose: no padding; poolings drop an incomplete last window; ReLU
    after the hidden layer; each stretch normalised outside the network, as in Palaz et al. (2013),
    whose line of work it is. Chapter: raw-waveform.
    """

    def __init__(self, n_classes: int, n_samples: int = N_SAMPLES):
        super().__init__(*_PHONE, n_classes, n_samples)


@register(sample_rate=SAMPLE_RATE, audio="waveform", tasks=("frames",), input_shape=(1, N_SAMPLES))
class SpeakerCNN(_RawWaveform):
    """Speaker classifier: two convolutions of 80 filters, then dense layers of 100 and a class per
    speaker.

    Parameters
    ----------
    n_classes : int
        Number of outputs (logits): speakers.
    n_samples : int
        Length of the input in samples; 4000 is 250 ms at 16 kHz.

    Raises
    ------
    ParameterError
        If so few samples are given that the convolutions leave nothing.

    Notes
    -----
    Input (batch, 1, n_samples): a stretch of waveform with mean zero and variance one; output
    (batch, n_classes): who speaks. Lengths after each pooling: 132, 41.

    Muckenhirn et al. (2019), section 4.1 and Table 1: kernel width/shift/filters 30/10/80, 10/1/80;
    after each convolution max-pooling of width and shift 3, then ReLU; 100 hidden units. The text
    leaves open, and we choose, the same as for :class:`PhoneCNN`; and the length of the input:
    section 3.1 says only that inputs span 250 to 500 ms, 250 ms is printed for phones, and we take
    it for both. Chapter: raw-waveform.
    """

    def __init__(self, n_classes: int, n_samples: int = N_SAMPLES):
        super().__init__(*_SPEAKER, n_classes, n_samples)


looks.declare("phone-cnn", "phone network", "#08519C", "o")
looks.declare("speaker-cnn", "speaker network", "#D4A017", "s", "--")
