"""Networks of torchaudio and transformers, small and with random weights, where these are
installed.
"""

from importlib.util import find_spec

import torch
from torch import nn

from .registry import network

_HEARS = {
    "encoder_pos_conv_kernel": 4,
    "encoder_pos_conv_groups": 2,
    "encoder_num_layers": 1,
    "encoder_num_heads": 2,
    "encoder_ff_interm_features": 16,
    "encoder_layer_norm_first": False,
    "encoder_layer_drop": 0.0,
    "aux_num_out": 3,
} | {f"encoder_{place}dropout": 0.0 for place in ("", "projection_", "attention_", "ff_interm_")}
_FRAMES = {
    "extractor_mode": "group_norm",
    "extractor_conv_layer_config": [(8, 10, 5), (8, 3, 2)],
    "extractor_conv_bias": False,
    "encoder_embed_dim": 8,
}
_CONFIG = {
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "num_labels": 3,
}
_CONVOLUTIONS = {
    "conv_dim": (8, 8),
    "conv_stride": (5, 2),
    "conv_kernel": (10, 3),
    "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
    "classifier_proj_size": 8,
    "apply_spec_augment": False,
}


def _of(package: str, *shape: int, **options):
    """Register a network if its package is there."""
    return network(*shape, **options) if find_spec(package) else lambda build: build


class _Then(nn.Module):
    """A part, what is read of its output averaged over time, and a dense layer if there is one."""

    def __init__(self, part, read, n_features=None):
        super().__init__()
        self.part, self.read = part, read
        self.fc = nn.Identity() if n_features is None else nn.Linear(n_features, 3)

    def forward(self, x):
        return self.fc(self.read(self.part, x))


def _last_axis(part, x):
    return part(x[:, 0]).mean(-1)


@_of("torchaudio", 1, 128)
def DecibelsOfTorchaudio():
    from torchaudio.transforms import AmplitudeToDB, MelSpectrogram

    front = nn.Sequential(
        MelSpectrogram(8000, 32, hop_length=16, n_mels=6), AmplitudeToDB(top_db=20.0)
    )
    return _Then(front, _last_axis, 6)


@_of("torchaudio", 1, 128)
def MfccOfTorchaudio():
    from torchaudio.transforms import MFCC

    mel = {"n_fft": 32, "hop_length": 16, "n_mels": 8}
    return _Then(MFCC(8000, 5, log_mels=True, melkwargs=mel), _last_axis, 5)


@_of("torchaudio", 1, 64)
def ResampledByTorchaudio():
    from torchaudio.transforms import Resample

    body = nn.Sequential(Resample(8000, 4000), nn.Conv1d(1, 4, 5), nn.ReLU())
    return _Then(body, lambda part, x: part(x).mean(-1), 4)


@_of("torchaudio", 7, 8)
def ConformerOfTorchaudio():
    from torchaudio.models import Conformer

    def read(part, x):
        return part(x, torch.full((len(x),), x.shape[1]))[0].mean(1)

    return _Then(Conformer(8, 2, 16, 1, 3), read, 8)


@_of("torchaudio", 1, 120)
def Wav2Vec2OfTorchaudio():
    from torchaudio.models import wav2vec2_model

    return _Then(wav2vec2_model(**_HEARS, **_FRAMES), lambda part, x: part(x[:, 0])[0].mean(1))


@_of("torchaudio", 1, 120)
def WavLmOfTorchaudio():
    """Attention that computes with the parameters of an nn.MultiheadAttention."""
    from torchaudio.models import wavlm_model

    near = {"encoder_num_buckets": 8, "encoder_max_distance": 16}
    body = wavlm_model(**_HEARS, **_FRAMES, **near)
    return _Then(body, lambda part, x: part(x[:, 0])[0].mean(1))


@_of("torchaudio", 5, 6)
def DeepSpeechOfTorchaudio():
    from torchaudio.models import DeepSpeech

    body = DeepSpeech(6, n_hidden=8, n_class=3)
    return _Then(body, lambda part, x: part(x[:, None]).mean(1))


@_of("torchaudio", 1, 64, target=0)  # the one class that something speaks for
def ConvTasNetOfTorchaudio():
    from torchaudio.models import ConvTasNet

    return _Then(ConvTasNet(2, 8, 8, 3, 4, 8, 2, 1), lambda part, x: part(x).abs().mean(-1), 2)


@_of("transformers", 12, 8)
def AstOfTransformers():
    from transformers import ASTConfig, ASTForAudioClassification

    patches = {"patch_size": 4, "frequency_stride": 4, "time_stride": 4}
    config = ASTConfig(**_CONFIG, **patches, max_length=12, num_mel_bins=8)
    return _Then(ASTForAudioClassification(config), lambda part, x: part(x).logits)


@_of("transformers", 4, 12)
def WhisperOfTransformers():
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    config = WhisperConfig(
        d_model=8,
        encoder_layers=1,
        encoder_attention_heads=2,
        encoder_ffn_dim=16,
        num_mel_bins=4,
        max_source_positions=6,
    )
    return _Then(WhisperEncoder(config), lambda part, x: part(x).last_hidden_state.mean(1), 8)


@_of("transformers", 1, 120)
def Wav2Vec2OfTransformers():
    from transformers import Wav2Vec2Config, Wav2Vec2ForSequenceClassification

    config = Wav2Vec2Config(**_CONFIG, **_CONVOLUTIONS)
    return _Then(Wav2Vec2ForSequenceClassification(config), lambda part, x: part(x[:, 0]).logits)


@_of("transformers", 1, 120)
def WavLmOfTransformers():
    from transformers import WavLMConfig, WavLMForSequenceClassification

    config = WavLMConfig(**_CONFIG, **_CONVOLUTIONS, num_buckets=8, max_bucket_distance=16)
    return _Then(WavLMForSequenceClassification(config), lambda part, x: part(x[:, 0]).logits)
