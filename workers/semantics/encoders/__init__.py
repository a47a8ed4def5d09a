"""Frozen encoders behind one interface (`base.Encoder`), made by `loading.load_encoder(name)`.

base          embed, describe, match; batching, checks, what an encoder can do
pixels        resize and normalise in torch, so that gradients reach the pixels
pretrained    a transformers model from a local folder: frozen, whole, in the dtype its manifest asks for
contrastive   CLIP, SigLIP          blip           BLIP image-text matching and question answering
blip2         BLIP-2 matching       guided         BLIP-2 and InstructBLIP with FlanT5, the paper's two questions
xclip         windows of frames     loading        name -> encoder
"""
