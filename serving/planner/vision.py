"""The vision tower of a multimodal model, in parameters.

Shapes: the towers' classes in Transformers and vLLM (siglip, pixtral, llama4, moonvit). Towers of
other models are counted as a plain ViT; the planner's interval is wider for them.
"""

from __future__ import annotations

from serving.planner.architecture import Vision
from serving.planner.reading import MOST_LAYERS, Section

_COLOURS = 3


def parse_vision(whole: Section, hidden: int) -> Vision | None:
    """The tower in `vision_config`, None for a model of text alone. `hidden` is the text's size."""
    config = whole.section("vision_config")
    if config is None or not config.has("hidden_size"):
        return None
    width = config.count("hidden_size", most=10**5)
    inner = config.optional_count("intermediate_size", most=10**6) or 4 * width
    layers = config.count("num_hidden_layers", "depth", most=MOST_LAYERS)
    model_type = config.text("model_type")
    matrices = 3 if model_type == "pixtral" else 2  # pixtral's MLP is gated
    biases = 0 if model_type == "pixtral" else 5 * width + inner
    return Vision(
        layer_parameters=4 * width * width + matrices * width * inner + biases + 4 * width,
        layers=layers,
        other_parameters=_embedding(config, width),
        projector_parameters=_projector(whole, config, width, hidden),
        is_projector_sharded=model_type == "llama4_vision_model",
    )


def _embedding(config: Section, width: int) -> int:
    """Patch embedding, and learned positions where the tower has them."""
    patch = config.optional_count("patch_size", most=1000) or 14
    patches = _COLOURS * patch * patch * width
    model_type = config.text("model_type")
    if model_type == "pixtral":  # rotary
        return patches
    if model_type == "moonvit":
        height = config.optional_count("init_pos_emb_height", most=10_000) or 64
        return patches + height * height * width
    side = (config.optional_count("image_size", most=100_000) or 0) // patch
    return patches + side * side * width


def _projector(whole: Section, config: Section, width: int, hidden: int) -> int:
    model_type = config.text("model_type")
    if model_type == "siglip_vision_model":
        return width * hidden
    if model_type == "llama4_vision_model":
        inner = config.count("projector_input_dim", most=10**6)
        out = config.count("projector_output_dim", most=10**6)
        shuffled = config.count("intermediate_size", most=10**6)
        return shuffled * inner + inner * out + config.count("vision_output_dim") * hidden
    merge = whole.optional_count("spatial_merge_size", most=100) or 2
    merged = merge * merge * width
    if model_type == "pixtral":  # patch merger, then two linear layers
        return merged * width + width * hidden + hidden * hidden
    return merged * merged + merged * hidden
