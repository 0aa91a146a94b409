"""A checkpoint made ready: processor, prompts, device, packed weights."""
