"""Frozen encoders behind one interface (`base.Encoder`), made by `loading.load_encoder(name)`.

    base         embed, describe, match; batching, checks, what an encoder can do
    loading      from a name to an encoder that is ready
    builtin      `eye`, this project's own
    eye_network  its network
    eye_picture  the picture it sees
    eye_text     the words it reads
    pretrained   a transformers model from a local folder: frozen, whole, in the dtype its manifest asks for
    pixels       resize and normalise in torch, so that gradients reach the pixels
    contrastive  CLIP, SigLIP
    blip         BLIP image-text matching and question answering
    blip2        BLIP-2 matching
    flan_t5      BLIP-2 and InstructBLIP with FlanT5
    guidance     the paper's two questions, made comparable
    xclip        windows of frames

Where weights lie is `model_store`'s; what is made of embeddings, `workers.semantics.similarity`'s.
"""
