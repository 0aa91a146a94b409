"""Tiny checkpoints of architectures that hear, see videos, or see twice: see architectures.py.

Where a part needs a package that these tests go without, a stand-in takes its place and says so.
"""

from types import ModuleType

import numpy as np
import torch
import transformers
from architectures import CLIP, MROPE, QWEN_TOKENS, TEXT, build_template, build_tokenizer, pil
from architectures import qwen_images as make_qwen_images

from culture_neurons.model.processors import make_image_only

SIGLIP = transformers.SiglipVisionConfig
SAM = {"hidden_size": 32, "output_channels": 16, "num_hidden_layers": 2, "num_attention_heads": 4}
SAM |= {"mlp_dim": 64, "window_size": 2, "global_attn_indexes": [1], "initializer_range": 0.02}


def build_qwen2_5_omni_thinker():
    """Hears, too; its forward does not say which logits to keep."""
    audio = {"audio": "<|AUDIO|>", "hear": "<|audio_bos|>", "heard": "<|audio_eos|>"}
    tokens = QWEN_TOKENS | audio
    names = {"image_token": "image", "video_token": "video", "audio_token": "audio"}
    names |= {"vision_bos_token": "start", "vision_eos_token": "end"}
    names |= {"audio_bos_token": "hear", "audio_eos_token": "heard"}
    tokenizer = build_tokenizer(tokens, names)
    ids = {key: tokenizer.convert_tokens_to_ids(token) for key, token in tokens.items()}
    vision = {"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 4}
    vision |= {"out_hidden_size": 32, "fullatt_block_indexes": [1], "window_size": 56}
    heard = {"encoder_layers": 1, "encoder_attention_heads": 4, "encoder_ffn_dim": 64}
    heard |= {"d_model": 32, "output_dim": 32, "num_mel_bins": 16}
    text = {key: value for key, value in TEXT.items() if key != "head_dim"}
    config = transformers.Qwen2_5OmniThinkerConfig(
        text_config=text | {"vocab_size": len(tokenizer), "rope_parameters": MROPE},
        vision_config=vision,
        audio_config=heard,
        image_token_index=ids["image"],
        video_token_index=ids["video"],
        audio_token_index=ids["audio"],
        vision_start_token_id=ids["start"],
        audio_start_token_id=ids["hear"],
        audio_end_token_id=ids["heard"],
    )
    template = build_template("<|vision_start|><|image_pad|><|vision_end|>")
    kind = make_image_only(transformers.Qwen2_5OmniProcessor)
    hearing = transformers.WhisperFeatureExtractor(feature_size=16)
    processor = kind(
        image_processor=make_qwen_images(),
        feature_extractor=hearing,
        tokenizer=tokenizer,
        chat_template=template,
    )
    return transformers.Qwen2_5OmniThinkerForConditionalGeneration, config, processor


def build_video_llama_3():
    """Pictures are flattened, with a merge size of their own."""
    tokenizer = build_tokenizer(QWEN_TOKENS)
    ids = {key: tokenizer.convert_tokens_to_ids(token) for key, token in QWEN_TOKENS.items()}
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    config = transformers.VideoLlama3Config(
        text_config=transformers.Qwen2Config(**TEXT, vocab_size=len(tokenizer)),
        vision_config=vision | {"num_attention_heads": 4, "patch_size": 14},
        image_token_id=ids["image"],
        video_token_id=ids["video"],
    )
    images = pil("VideoLlama3")(
        size={"shortest_edge": 28**2, "longest_edge": 90**2}, patch_size=14, merge_size=2
    )
    kind = make_image_only(transformers.VideoLlama3Processor)
    processor = kind(images, tokenizer, chat_template=build_template("<|image_pad|>"))
    return transformers.VideoLlama3ForConditionalGeneration, config, processor


def build_video_llava():
    """Pictures and videos have towers of their own."""
    tokens = {"image": "<image>", "video": "<video>"}
    tokenizer = build_tokenizer(tokens)
    config = transformers.VideoLlavaConfig(
        text_config=transformers.LlamaConfig(**TEXT, vocab_size=len(tokenizer)),
        vision_config=transformers.CLIPVisionConfig(**CLIP, projection_dim=32),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
        image_seq_length=4,
    )
    images = transformers.VideoLlavaImageProcessor(
        size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}
    )
    kind = make_image_only(transformers.VideoLlavaProcessor)
    processor = kind(
        image_processor=images,
        tokenizer=tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=build_template("<image>"),
    )
    return transformers.VideoLlavaForConditionalGeneration, config, processor


def build_deepseek_vl_hybrid():
    """Two towers see the same picture, at two resolutions."""
    tokens = {"image": "<image_placeholder>"}
    tokenizer = build_tokenizer(tokens, {"image_token": "image"})
    config = transformers.DeepseekVLHybridConfig(
        text_config=transformers.LlamaConfig(**TEXT, vocab_size=len(tokenizer)),
        vision_config=SIGLIP(**CLIP | {"image_size": 28, "patch_size": 7}, vision_use_head=False),
        high_res_vision_config=SAM | {"image_size": 64, "patch_size": 8},
        image_token_id=tokenizer.convert_tokens_to_ids("<image_placeholder>"),
        tie_word_embeddings=False,
    )
    images = pil("DeepseekVLHybrid")(
        size={"height": 28, "width": 28}, high_res_size={"height": 64, "width": 64}, min_size=7
    )
    processor = transformers.DeepseekVLHybridProcessor(
        images, tokenizer, num_image_tokens=16, chat_template=build_template("<image_placeholder>")
    )
    return transformers.DeepseekVLHybridForConditionalGeneration, config, processor


def build_got_ocr2():
    tokens = {"image": "<imgpad>", "start": "<img>", "end": "</img>"}
    tokens |= {"message": "<|im_start|>", "sent": "<|im_end|>"}
    tokenizer = build_tokenizer(tokens)
    config = transformers.GotOcr2Config(
        text_config=transformers.Qwen2Config(**TEXT, vocab_size=len(tokenizer)),
        vision_config=SAM | {"image_size": 64, "patch_size": 8},
        image_token_index=tokenizer.convert_tokens_to_ids("<imgpad>"),
        image_seq_length=4,
    )
    images = pil("GotOcr2")(size={"height": 64, "width": 64})
    processor = transformers.GotOcr2Processor(
        images, tokenizer, chat_template=build_template("<imgpad>")
    )
    processor.num_image_tokens = 4
    return transformers.GotOcr2ForConditionalGeneration, config, processor


def cut_crops(images):
    """Cut a picture to a small crop and, as it is wide or not, two large ones or one.

    Returns:
        Pixels (crops, 28, 28, 3).
    """
    while isinstance(images, (list, tuple)):
        (images,) = images
    picture = images
    wide = 2 if picture.width > picture.height else 1
    row = picture.resize((28 * wide, 28))
    crops = [row.crop((28 * i, 0, 28 * (i + 1), 28)) for i in range(wide)]
    pixels = [np.asarray(crop, np.float32) for crop in (picture.resize((28, 28)), *crops)]
    return np.stack(pixels) / 255 - 0.5


class MolmoPictures(transformers.image_processing_utils.BaseImageProcessor):
    """Stand-in for Molmo2's image processor, which needs torchvision.

    A crop has 2 x 2 patches, which become one token. As there, `image_token_pooling` counts
    patches over all crops.
    """

    model_input_names = ("pixel_values", "image_token_pooling", "image_grids", "image_num_crops")

    def __call__(self, images, **_):
        pixels = cut_crops(images)
        count = len(pixels)
        patches = pixels.reshape(count, 2, 14, 2, 14, 3).swapaxes(2, 3)
        return transformers.BatchFeature(
            {
                "pixel_values": torch.tensor(patches.reshape(count, 4, -1)),
                "image_token_pooling": torch.arange(4 * count).reshape(-1, 4),
                "image_grids": torch.tensor([[1, 1, 1, count - 1]]),
                "image_num_crops": torch.tensor([count]),
            }
        )


class TiledPictures(transformers.image_processing_utils.BaseImageProcessor):
    """Stand-in for PerceptionLM's image processor, which needs torchvision: (1, tiles, ...)."""

    model_input_names = ("pixel_values",)

    def __call__(self, images, **_):
        pixels = torch.tensor(cut_crops(images)).permute(0, 3, 1, 2)
        return transformers.BatchFeature({"pixel_values": pixels[None]})


def build_molmo2():
    """Each token of a picture says which patches it is made of, counted over the whole batch."""
    tokens = {name: f"<{name}>" for name in ("im_patch", "im_col", "im_start", "im_end", "im_low")}
    tokens |= {"low": "<low_res_im_start>", "image": "<|image|>", "video": "<|video|>"}
    tokens |= {"frame": "<frame_start>", "framed": "<frame_end>"}
    tokenizer = build_tokenizer(tokens)
    ids = {key: tokenizer.convert_tokens_to_ids(token) for key, token in tokens.items()}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 8}
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, **heads}
    config = transformers.Molmo2Config(
        text_config=TEXT | {"vocab_size": len(tokenizer), "additional_vocab_size": 4},
        vision_config=vision | {"image_size": [28, 28], "num_position_embeddings": 4},
        adapter_config={"hidden_size": 32, "intermediate_size": 64, "text_hidden_size": 32}
        | {"vision_feature_layer": [1, 0], **heads},
        image_patch_id=ids["im_patch"],
        image_start_token_id=ids["im_start"],
        low_res_image_start_token_id=ids["low"],
        image_end_token_id=ids["im_end"],
        frame_start_token_id=ids["frame"],
        frame_end_token_id=ids["framed"],
    )
    kind = make_image_only(transformers.models.molmo2.processing_molmo2.Molmo2Processor)
    # The class begins a prompt with the tokenizer's last token, if the template does not.
    processor = kind(
        image_processor=MolmoPictures(),
        tokenizer=tokenizer,
        chat_template="</s> " + build_template("<|image|>"),
    )
    return transformers.Molmo2ForConditionalGeneration, config, processor


class Tower(torch.nn.Module):
    """Stand-in for a tower of timm: one convolution of 14 x 14 patches to 32 features."""

    def __init__(self, flat):
        super().__init__()
        self.convolution = torch.nn.Conv2d(3, 32, 14, 14)
        self.num_features, self.flat = 32, flat

    def forward_features(self, pixel_values):
        """(pictures, 3, height, width) -> (pictures, 32, rows, columns) or (pictures, n, 32)."""
        features = self.convolution(pixel_values)
        return features.flatten(2).transpose(1, 2) if self.flat else features

    def forward_head(self, features):
        """(pictures, n, 32) -> (pictures, 32), which nothing uses."""
        return features.mean(1)


def stand_in_for_timm(flat):
    """Let transformers build its wrapper around `Tower` in place of a tower of timm."""
    wrapper = transformers.models.timm_wrapper.modeling_timm_wrapper
    wrapper.timm = ModuleType("timm")
    wrapper.timm.create_model = lambda *_, **__: Tower(flat)
    wrapper.requires_backends = lambda *_: None


def build_gemma3n():
    """Several streams, inputs of each layer, sparse gates, layers that share keys and values."""
    tokens = {"image": "<image_soft_token>", "start": "<start_of_image>", "end": "<end_of_image>"}
    tokens |= {"audio": "<audio_soft_token>", "hear": "<start_of_audio>", "heard": "<end_of_audio>"}
    names = {"image_token": "image", "boi_token": "start", "eoi_token": "end"}
    names |= {"audio_token": "audio", "boa_token": "hear", "eoa_token": "heard"}
    tokenizer = build_tokenizer(tokens, names)
    ids = {key: tokenizer.convert_tokens_to_ids(token) for key, token in tokens.items()}
    size = len(tokenizer)
    stand_in_for_timm(flat=False)
    text = TEXT | {"vocab_size": size, "vocab_size_per_layer_input": size, "laurel_rank": 4}
    text |= {"hidden_size_per_layer_input": 8, "altup_num_inputs": 2, "num_kv_shared_layers": 1}
    text |= {"activation_sparsity_pattern": [0.5, 0.5, 0.0, 0.0], "sliding_window": 16}
    text |= {"layer_types": ["sliding_attention", "full_attention"] * 2}
    heard = {"hidden_size": 32, "conf_num_attention_heads": 4, "conf_num_hidden_layers": 1}
    heard |= {"vocab_size": 4, "vocab_offset": size + 4, "sscp_conv_channel_size": [4, 4]}
    config = transformers.Gemma3nConfig(
        text_config=text,
        vision_config={"hidden_size": 32, "vocab_size": 4, "vocab_offset": size},
        audio_config=heard,
        image_token_id=ids["image"],
        boi_token_id=ids["start"],
        eoi_token_id=ids["end"],
        audio_token_id=ids["audio"],
        boa_token_id=ids["hear"],
        eoa_token_id=ids["heard"],
        vision_soft_tokens_per_image=4,
    )
    processor = transformers.Gemma3nProcessor(
        feature_extractor=transformers.Gemma3nAudioFeatureExtractor(),
        image_processor=pil("Siglip")(size={"height": 28, "width": 28}),
        tokenizer=tokenizer,
        chat_template=build_template("<image_soft_token>"),
        image_seq_length=4,
    )
    return transformers.Gemma3nForConditionalGeneration, config, processor


def build_perception_lm():
    """As many tiles as a picture has, on an axis of their own."""
    tokens = {"image": "<|image|>", "video": "<|video|>"}
    tokenizer = build_tokenizer(tokens, {"image_token": "image", "video_token": "video"})
    stand_in_for_timm(flat=True)
    config = transformers.PerceptionLMConfig(
        text_config=transformers.LlamaConfig(**TEXT, vocab_size=len(tokenizer)),
        vision_config={"architecture": "stand-in", "model_args": {"embed_dim": 32}},
        vision_use_cls_token=False,
        image_token_id=tokenizer.convert_tokens_to_ids("<|image|>"),
        video_token_id=tokenizer.convert_tokens_to_ids("<|video|>"),
    )
    kind = make_image_only(transformers.models.perception_lm.PerceptionLMProcessor)
    processor = kind(
        image_processor=TiledPictures(),
        tokenizer=tokenizer,
        patch_size=14,
        pooling_ratio=1,
        chat_template=build_template("<|image|>"),
    )
    return transformers.PerceptionLMForConditionalGeneration, config, processor


def build_gemma4():
    tokens = {"image": "<|image|>", "start": "<|image>", "end": "<image|>", "video": "<|video|>"}
    tokens |= {"audio": "<|audio|>", "hear": "<|audio>", "heard": "<audio|>"}
    names = {"image_token": "image", "boi_token": "start", "eoi_token": "end"}
    names |= {"audio_token": "audio", "boa_token": "hear", "eoa_token": "heard"}
    tokenizer = build_tokenizer(tokens, names)
    ids = {key: tokenizer.convert_tokens_to_ids(token) for key, token in tokens.items()}
    text = TEXT | {"vocab_size": len(tokenizer), "vocab_size_per_layer_input": len(tokenizer)}
    text |= {"hidden_size_per_layer_input": 8, "sliding_window": 16}
    text |= {"layer_types": ["sliding_attention", "full_attention"] * 2}
    vision = CLIP | {"num_key_value_heads": 4, "head_dim": 8, "pooling_kernel_size": 2}
    vision = {key: value for key, value in vision.items() if key != "image_size"}
    config = transformers.Gemma4Config(
        text_config=text,
        vision_config=vision | {"patch_size": 14, "position_embedding_size": 64},
        image_token_id=ids["image"],
        video_token_id=ids["video"],
        boi_token_id=ids["start"],
        eoi_token_id=ids["end"],
        audio_token_id=ids["audio"],
        boa_token_id=ids["hear"],
        eoa_token_index=ids["heard"],
    )
    kind = make_image_only(transformers.Gemma4Processor)
    processor = kind(
        feature_extractor=transformers.Gemma4AudioFeatureExtractor(),
        image_processor=pil("Gemma4")(patch_size=14, max_soft_tokens=70, pooling_kernel_size=2),
        tokenizer=tokenizer,
        video_processor=None,
        chat_template=build_template("<|image|>"),
    )
    return transformers.Gemma4ForConditionalGeneration, config, processor


BUILDERS = {
    name.removeprefix("build_"): builder
    for name, builder in globals().items()
    if name.startswith("build_") and name not in ("build_tokenizer", "build_template")
}
