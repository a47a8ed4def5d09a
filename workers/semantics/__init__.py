"""What a motion means: encoders that look at rendered frames, the frames worth looking at, and how alike they are.

    encoders     one interface over vision-language models; loaded by name from the model store
    mobilenet    plain image features, a yardstick for evaluation only
    keyframes    which frames carry the meaning; numpy only
    similarity   from embeddings to scores
    choice       which encoder a job is scored with; meaning: that part of a job
    scoring      one clip before one encoder; moments: why a moment looks different
    source_cache what an encoder makes of a source, kept
    seen         what is looked at of a retargeted clip: moving surfaces, facing, keyframes

Rendering is left to `workers.rendering`. Importing this package loads neither torch nor transformers.
"""
