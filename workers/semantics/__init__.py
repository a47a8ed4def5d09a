"""What a motion means: encoders that look at rendered frames, the frames worth looking at, and how alike they are.

    encoders     one interface over vision-language models; loaded by name from the model store
    mobilenet    plain image features, a yardstick for evaluation only
    keyframes    which frames carry the meaning; numpy only
    similarity   from embeddings to scores
    seen         what is looked at of a retargeted clip: moving surfaces, facing, keyframes

Rendering is left to `workers.rendering`. Importing this package loads neither torch nor transformers.
"""
