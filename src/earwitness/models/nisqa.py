"""NISQA, networks that predict the quality of speech from its mel spectrogram (Mittag and Moeller
2019).
"""

import pickle
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from earwitness import cache, catalogue, features
from earwitness.arguments import checked
from earwitness.audio import check_rate, check_samples
from earwitness.errors import (
    AudioError,
    DamagedDataError,
    MissingDataError,
    ParameterError,
    UnknownNameError,
    check_choice,
)
from earwitness.features import mel
from earwitness.models import weights
from earwitness.models.inference import device_of, evaluation_mode
from earwitness.models.registry import register
from earwitness.models.sums import Add, MeanOverTime

PUBLIC = ("nisqa", "nisqa_mos_only", "nisqa_tts")
SHIPPED = ("quality",)
OUTPUTS = ("mos", "noisiness", "discontinuity", "coloration", "loudness")
LOWEST_RATE = 4000  # Hz; below it not even the band of a telephone is there
_KERNEL = 3
_MOST_LAYERS = 64


class SilenceWarning(UserWarning):
    """Quality was asked of a clip that is silent."""


class EmptyBandsWarning(UserWarning):
    """The sample rate is too low for the uppermost mel bands of a network."""


@dataclass(frozen=True)
class Settings:
    """What tells the networks of the family apart; the defaults are the network that Tilkorn et al.
    explain.

    Attributes
    ----------
    n_mels, fmax_hz, n_fft, hop_s, window_s
        Of the mel spectrogram: :func:`earwitness.features.mel_spectrogram`.
    segment_length, segment_hop, max_segments : int
        Frames in a segment; frames from one segment to the next; most segments of a clip.
    cnn : str
        ``"standard"``: max-poolings by two, then a dense layer of ``n_features``. ``"adapt"``:
        poolings to the fixed sizes ``pools``, the last convolution closes the time axis; 6 x 64
        features.
    channels : tuple of int
        Filters of convolution 1, of 2, of 3 to 6.
    n_features : int
        Outputs of the standard CNN.
    pools : tuple of (int, int)
        Sizes (bands, frames) after the three poolings of the adaptive CNN.
    dropout : float
    time : str
        ``"lstm"`` (bidirectional, one layer, ``n_hidden`` units each way) or ``"attention"``
        (self-attention, one head, ``n_layers`` of width ``n_hidden``).
    n_hidden, n_layers : int
    pool : str
        ``"last"``: the last step of each direction; ``"attention"``; ``"average"``.
    outputs : tuple of str
        Names of the values predicted, each with a pooling of its own.
    """

    n_mels: int = 48
    fmax_hz: float = 8000.0
    n_fft: int = 4096
    hop_s: float = 0.01
    window_s: float = 0.02
    segment_length: int = 15
    segment_hop: int = 1
    max_segments: int = 6000
    cnn: str = "standard"
    channels: tuple = (16, 32, 64)
    n_features: int = 20
    pools: tuple = ((24, 7), (12, 5), (6, 3))
    dropout: float = 0.2
    time: str = "lstm"
    n_hidden: int = 128
    n_layers: int = 1
    pool: str = "last"
    outputs: tuple = ("mos",)

    @property
    def shortest_s(self) -> float:
        """The shortest clip that fills one segment, in seconds."""
        return (self.segment_length - 1) * self.hop_s

    @property
    def longest_s(self) -> float:
        """The longest clip that gives no more than ``max_segments`` segments, in seconds."""
        return ((self.max_segments - 1) * self.segment_hop + self.segment_length) * self.hop_s


class Clone(nn.Module):
    """Hand on a copy. Between a ReLU and the max-pooling behind it, it keeps captum's DeepLIFT
    right.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``x`` as a tensor of its own."""
        return x.clone()


def _blocks(
    channels: tuple, pools: dict[int, nn.Module], dropout: float, last_padding: tuple
) -> dict[str, nn.Module]:
    """Return six convolutions, each with batch norm and ReLU; poolings and dropouts where the
    family has them.
    """
    filters = (1, *channels[:2], *[channels[2]] * 4)
    layers: dict[str, nn.Module] = {}
    for i in range(1, 7):
        padding = last_padding if i == 6 else (1, 1)
        layers[f"conv{i}"] = nn.Conv2d(filters[i - 1], filters[i], _KERNEL, padding=padding)
        layers[f"bn{i}"] = nn.BatchNorm2d(filters[i])
        layers[f"relu{i}"] = nn.ReLU()
        if i in pools:
            layers[f"clone{i}"], layers[f"pool{i}"] = Clone(), pools[i]
        if i in (2, 4, 5):
            layers[f"dropout{i}"] = nn.Dropout2d(dropout)
    return layers


class StandardCNN(nn.Sequential):
    """Six convolutions, three max-poolings by two, one dense layer: a segment (1, 48, 15) becomes
    20 features.
    """

    def __init__(self, settings: Settings):
        # the first pooling pads time, 15 to 16, so that three halvings leave 6 bands x 2 frames
        pools = {1: nn.MaxPool2d(2, padding=(0, 1)), 2: nn.MaxPool2d(2), 4: nn.MaxPool2d(2)}
        super().__init__()
        for name, layer in _blocks(settings.channels, pools, settings.dropout, (1, 1)).items():
            self.add_module(name, layer)
        self.add_module("flatten", nn.Flatten())
        self.add_module(
            "fc_out",
            nn.Linear(settings.channels[2] * (settings.n_mels // 8) * 2, settings.n_features),
        )
        self.n_features = settings.n_features


class AdaptCNN(nn.Sequential):
    """Six convolutions, three poolings to fixed sizes; a segment (1, 48, 15) becomes 6 bands x 64
    filters.
    """

    def __init__(self, settings: Settings):
        pools = {
            i: nn.AdaptiveMaxPool2d(tuple(size))
            for i, size in zip((1, 2, 4), settings.pools, strict=True)
        }
        super().__init__()
        for name, layer in _blocks(settings.channels, pools, settings.dropout, (1, 0)).items():
            self.add_module(name, layer)
        self.add_module("flatten", nn.Flatten())
        bands, frames = settings.pools[2]
        self.n_features = settings.channels[2] * bands * (frames - _KERNEL + 1)


class BiLSTM(nn.Module):
    """One layer of LSTM each way; (N, n_segments, n_features) -> (N, n_segments, 2 n_hidden),
    forward half first.
    """

    def __init__(self, n_features: int, settings: Settings):
        super().__init__()
        self.lstm = nn.LSTM(
            n_features, settings.n_hidden, settings.n_layers, batch_first=True, bidirectional=True
        )
        self.n_features = 2 * settings.n_hidden

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs of every step."""
        return self.lstm(x)[0]


class _AttentionLayer(nn.Module):
    """Self-attention and a dense layer, each added to what enters it and then normalised."""

    def __init__(self, width: int, dropout: float):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, 1, batch_first=True)
        self.dropout1, self.norm1 = nn.Dropout(dropout), nn.LayerNorm(width)
        self.linear1, self.relu, self.dropout = (
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Dropout(dropout),
        )
        self.linear2, self.dropout2, self.norm2 = (
            nn.Linear(width, width),
            nn.Dropout(dropout),
            nn.LayerNorm(width),
        )
        self.add1, self.add2 = Add(), Add()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm1(self.add1(x, self.dropout1(self.self_attn(x, x, x, need_weights=False)[0])))
        return self.norm2(
            self.add2(x, self.dropout2(self.linear2(self.dropout(self.relu(self.linear1(x))))))
        )


class SelfAttention(nn.Module):
    """Dense layer, layer norm, layers of self-attention; (N, n_segments, n_features) -> (N,
    n_segments, n_hidden).
    """

    def __init__(self, n_features: int, settings: Settings):
        super().__init__()
        self.linear, self.norm1 = (
            nn.Linear(n_features, settings.n_hidden),
            nn.LayerNorm(settings.n_hidden),
        )
        self.layers = nn.Sequential(
            *[_AttentionLayer(settings.n_hidden, 0.1) for _ in range(settings.n_layers)]
        )
        self.n_features = settings.n_hidden

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs of every segment."""
        return self.layers(self.norm1(self.linear(x)))


class LastStep(nn.Module):
    """Read a BiLSTM where each direction has read everything: forward at the last segment,
    backward at the first.
    """

    def __init__(self, n_features: int):
        super().__init__()
        self.linear = nn.Linear(n_features, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (N, 1)."""
        half = x.shape[-1] // 2
        return self.linear(torch.cat([x[:, -1, :half], x[:, 0, half:]], dim=-1))


class AttentionPool(nn.Module):
    """Average the segments by weights that a small network gives them (softmax over time), then a
    dense layer.
    """

    def __init__(self, n_features: int):
        super().__init__()
        self.linear1, self.relu = nn.Linear(n_features, 2 * n_features), nn.ReLU()
        self.linear2, self.softmax = nn.Linear(2 * n_features, 1), nn.Softmax(dim=1)
        self.mean, self.linear3 = MeanOverTime(), nn.Linear(n_features, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (N, 1)."""
        share = self.softmax(self.linear2(self.relu(self.linear1(x))))  # (N, n_segments, 1)
        return self.linear3(self.mean(x, share))


class AveragePool(nn.Module):
    """Average the segments, then a dense layer."""

    def __init__(self, n_features: int):
        super().__init__()
        self.mean, self.linear = MeanOverTime(), nn.Linear(n_features, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (N, 1)."""
        return self.linear(self.mean(x))


_CNNS = {"standard": StandardCNN, "adapt": AdaptCNN}
_TIMES = {"lstm": BiLSTM, "attention": SelfAttention}
_POOLS = {"last": LastStep, "attention": AttentionPool, "average": AveragePool}


@register(sample_rate=16000, audio="spectrogram", tasks=("quality",), label="NISQA")
class Nisqa(nn.Module):
    """A network of the NISQA family: ``cnn`` on each segment, ``time`` over the segments, a pooling
    per output.

    Parameters
    ----------
    settings : Settings, optional
        Default: the network that Tilkorn et al. explain.

    Attributes
    ----------
    cnn : Sequential
        (M, 1, n_mels, segment_length) -> (M, n_features).
    time : Module
        (N, n_segments, n_features) -> (N, n_segments, width).
    pools : ModuleList
        (N, n_segments, width) -> (N, 1) each.
    outputs : list of str
        ``"mos"`` first.

    Notes
    -----
    Mittag and Moeller (2019) and Mittag et al. (2021), section 3. Every ReLU, pooling, dropout,
    residual sum and mean over time is a module of its own, used once; batch norms stand right
    behind convolutions; a clone stands between ReLU and pooling. The value predicted is not limited
    to 1 to 5. Segments need no padding: all clips of a batch have the same number of frames.
    Chapter: speech-quality.
    """

    def __init__(self, settings: Settings | None = None):
        super().__init__()
        self.settings = settings = settings or Settings()
        self.cnn = _CNNS[check_choice(settings.cnn, _CNNS, "kind of CNN")](settings)
        self.time = _TIMES[check_choice(settings.time, _TIMES, "kind of time module")](
            self.cnn.n_features, settings
        )
        pool = _POOLS[check_choice(settings.pool, _POOLS, "kind of pooling")]
        self.pools = nn.ModuleList(pool(self.time.n_features) for _ in settings.outputs)
        self.outputs = list(settings.outputs)

    @classmethod
    def from_card(cls, card: dict) -> "Nisqa":
        """Return the untrained network that a card describes."""
        return cls(Settings(**{key: _as_tuples(value) for key, value in card["settings"].items()}))

    def forward(self, spectrograms: torch.Tensor) -> torch.Tensor:
        """Return the predictions (N, n_outputs) for mel spectrograms (N, n_mels, n_frames) in
        dB.
        """
        segments = self.segments(spectrograms)
        n, n_segments = segments.shape[:2]
        return self.rate(self.cnn(segments.flatten(0, 1)).reshape(n, n_segments, -1))

    def rate(self, cnn_features: torch.Tensor) -> torch.Tensor:
        """Return the predictions (N, n_outputs) for outputs of the CNN (N, n_segments,
        n_features).
        """
        over_time = self.time(cnn_features)
        return torch.cat([pool(over_time) for pool in self.pools], dim=1)

    def segments(self, spectrograms: torch.Tensor) -> torch.Tensor:
        """Return the segments (N, n_segments, 1, n_mels, segment_length) of spectrograms (N,
        n_mels, n_frames).

        Segment i covers the frames from ``i * segment_hop``; the last frames may be in none.

        Raises
        ------
        ParameterError
            If the spectrograms have another number of bands.
        AudioError
            If they are shorter than one segment or give more than ``max_segments``.
        """
        s = self.settings
        if (
            spectrograms.ndim != 3
            or spectrograms.shape[1] != s.n_mels
            or not spectrograms.is_floating_point()
        ):
            raise ParameterError(
                f"Nisqa takes float spectrograms (batch, {s.n_mels}, frames), got "
                f"{spectrograms.dtype} {tuple(spectrograms.shape)}."
            )
        if spectrograms.shape[-1] < s.segment_length:
            raise AudioError(
                f"The clip has {spectrograms.shape[-1]} frames; one segment has "
                f"{s.segment_length}: "
                f"at least {s.shortest_s:.2f} s are needed."
            )
        n_segments = (spectrograms.shape[-1] - s.segment_length) // s.segment_hop + 1
        if n_segments > s.max_segments:
            raise AudioError(
                f"The clip has {n_segments} segments, the network takes at most {s.max_segments}: "
                f"cut it to {s.longest_s:.0f} s or less."
            )
        return (
            spectrograms.unfold(2, s.segment_length, s.segment_hop).permute(0, 2, 1, 3).unsqueeze(2)
        )

    def spectrogram(self, samples, sample_rate: int) -> torch.Tensor:
        """Return the mel spectrogram (n_mels, n_frames) in dB of samples (T,) at their own sample
        rate.

        Bands that lie above Nyquist are empty: as silent as the loudest point less 80 dB.

        Raises
        ------
        AudioError
            If the samples are not floats (T,), or fewer than 4000 a second.
        """
        s = self.settings
        return features.mel_spectrogram(
            _checked(samples, sample_rate),
            sample_rate,
            s.n_mels,
            s.fmax_hz,
            s.n_fft,
            s.hop_s,
            s.window_s,
        )

    @torch.no_grad()
    def predict(self, samples, sample_rate: int) -> dict[str, float]:
        """Return the predicted quality of one clip, ``{"mos": 3.9, ...}``, on the scale from 1
        (bad) to 5 (excellent).

        Parameters
        ----------
        samples : ndarray, shape (T,)
            One channel, floats in [-1, 1]; at least 0.14 s.
        sample_rate : int
            Hz; the clip is taken at its own rate. Mel bands above its Nyquist frequency are empty,
            so that the network gets speech of a narrower band: an EmptyBandsWarning says how many.
            Silence gives the network's value for an empty spectrogram of that length, with a
            SilenceWarning: it is where explanations start from, not a quality.

        Raises
        ------
        AudioError
            If the clip is too short for one segment, too long for the network, has several
            channels, samples that are whole numbers or not finite, or fewer than 4000 samples a
            second.
        """
        s = self.settings
        spectrogram = self.spectrogram(samples, sample_rate)
        if (empty := mel.bands_above(sample_rate, s.n_mels, s.fmax_hz)) > 0:
            warnings.warn(
                f"{empty} of {s.n_mels} mel bands, which reach {s.fmax_hz:.0f} Hz, lie above "
                f"{sample_rate / 2:.0f} Hz and stay empty: the network gets speech of that "
                "bandwidth.",
                EmptyBandsWarning,
                stacklevel=3,
            )
        if spectrogram.max() <= mel.FLOOR_DB:
            warnings.warn(
                "The clip is silent: what is returned is the network's value for an empty "
                "spectrogram of "
                "that length, not a quality of speech.",
                SilenceWarning,
                stacklevel=3,
            )
        with evaluation_mode(self):
            values = self(spectrogram[None].to(device_of(self)))[0]
        return dict(zip(self.outputs, values.tolist(), strict=True))


def _checked(samples, sample_rate: int):
    check_rate(sample_rate)
    if sample_rate < LOWEST_RATE:
        raise AudioError(
            f"The clip has {sample_rate} samples a second; speech needs at least {LOWEST_RATE}, "
            "and the "
            "networks were trained on 8000 and more."
        )
    return check_samples(samples, sample_rate, may_be_silent=True)


def names() -> list[str]:
    """Return the names that :func:`load` knows."""
    return sorted(PUBLIC + SHIPPED)


@checked
def load(name_or_path: str | Path, root: str | Path | None = None) -> Nisqa:
    """Return a network of the family with its trained weights, in evaluation mode.

    Parameters
    ----------
    name_or_path : str or path
        ``"nisqa_tts"`` (standard CNN, BiLSTM; for synthesised speech), ``"nisqa_mos_only"``,
        ``"nisqa"`` (adaptive CNN, self-attention; five outputs), which are public, or
        ``"quality"``, which the repository ships. Or a checkpoint file of NISQA's own code.
    root : path, optional
        Folder of the public weights. Default: ``EARWITNESS_DATA/nisqa``, then the cache, where
        ``earwitness data download nisqa`` puts them (3 MB).

    Raises
    ------
    UnknownNameError
        If there is no such name and no such file.
    DamagedDataError
        If the file is not what its checksum promises, is no checkpoint, or its weights do not fit
        its settings.
    MissingDataError
        If the weights are not on this machine.
    """
    name = str(name_or_path)
    if name in SHIPPED:
        return weights.pretrained(name).model
    if name in PUBLIC:
        path = _public(name, root)
        if cache.file_digest(path) != catalogue.manifest("nisqa")[path.name]:
            raise DamagedDataError(
                f"{path} does not have the checksum of data/manifests/nisqa.sha256; fetch it again "
                "with `earwitness data download nisqa`."
            )
        return _read_checkpoint(path)
    if not Path(name).is_file():
        raise UnknownNameError(
            f"There is no file {name!r} and no network of that name. Known: {', '.join(names())}."
        )
    return _read_checkpoint(Path(name))


def _public(name: str, root: str | Path | None) -> Path:
    path = catalogue.corpus_folder("nisqa", root) / f"{name}.tar"
    if not path.is_file():
        raise MissingDataError(
            f"{path} is missing; fetch it with `earwitness data download nisqa`."
        )
    return path


def _read_checkpoint(path: Path) -> Nisqa:
    """Return the network that a checkpoint of NISQA's own code describes and holds."""
    try:
        _check_unpacked_size(path)
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        if absent := sorted({"args", "model_state_dict"} - set(checkpoint)):
            raise ValueError(f"it has no {' and no '.join(absent)}.{_by_name(path)}")
        settings = _settings(checkpoint["args"])
        state = {_renamed(key): value for key, value in checkpoint["model_state_dict"].items()}
        return weights.fill(lambda: Nisqa(settings), state, path)
    except (
        pickle.UnpicklingError,
        zipfile.BadZipFile,
        OSError,
        EOFError,
        KeyError,
        TypeError,
        AttributeError,
        ValueError,
        RuntimeError,
        DamagedDataError,
    ) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        reason = f"its args have no {reason}." if isinstance(error, KeyError) else reason
        raise DamagedDataError(
            f"{path} is not a NISQA checkpoint that fits this family: {reason}"
        ) from None


def _check_unpacked_size(path: Path) -> None:
    """Raise ValueError if a file of weights is compressed to far less than the memory that it would
    take.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            n_bytes = sum(member.file_size for member in archive.infolist())
        if n_bytes > 2 * path.stat().st_size:
            raise ValueError(
                f"it would unpack to {n_bytes / 1e6:.0f} MB, torch compresses nothing."
            )


def _by_name(path: Path) -> str:
    """Return how to load the weights of this file name, if the repository ships such."""
    return f' The network shipped in {path.name} loads by its name: load("{path.stem}").' * (
        path.stem in SHIPPED
    )


def _settings(args: dict) -> Settings:
    """Translate the arguments that a checkpoint keeps."""
    lstm = args["td"] == "lstm"
    if lstm and not args["td_lstm_bidirectional"] or args["td_2"] != "skip" or args["double_ended"]:
        raise ValueError(
            "only one-ended networks with a bidirectional LSTM or self-attention are known here"
        )
    if (n_layers := args["td_lstm_num_layers" if lstm else "td_sa_num_layers"]) > _MOST_LAYERS:
        raise ValueError(f"{n_layers} layers over time are more than {_MOST_LAYERS}")
    return Settings(
        n_mels=args["ms_n_mels"],
        fmax_hz=float(args["ms_fmax"]),
        n_fft=args["ms_n_fft"],
        hop_s=args["ms_hop_length"],
        window_s=args["ms_win_length"],
        segment_length=args["ms_seg_length"],
        segment_hop=args["ms_seg_hop_length"],
        max_segments=args["ms_max_segments"],
        cnn=args["cnn_model"],
        channels=tuple(args[f"cnn_c_out_{i}"] for i in (1, 2, 3)),
        n_features=args["cnn_fc_out_h"] or 20,
        pools=tuple(tuple(args[f"cnn_pool_{i}"] or (0, 0)) for i in (1, 2, 3)),
        dropout=args["cnn_dropout"],
        time={"lstm": "lstm", "self_att": "attention"}[args["td"]],
        n_hidden=args["td_lstm_h"] if lstm else args["td_sa_d_model"],
        n_layers=n_layers,
        pool={"last_step_bi": "last", "att": "attention", "avg": "average"}[args["pool"]],
        outputs=OUTPUTS if args["dim"] else OUTPUTS[:1],
    )


_PREFIXES = {"cnn.model.": "cnn.", "time_dependency.model.": "time.", "pool.model.": "pools.0."}


def _renamed(key: str) -> str:
    """Return our name of one of the checkpoint's weights."""
    for theirs, ours in _PREFIXES.items():
        if key.startswith(theirs):
            return ours + key.removeprefix(theirs)
    return key.replace("pool_layers.", "pools.").replace(".model.", ".")


def _as_tuples(value):
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value
