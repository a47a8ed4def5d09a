"""What a motion means: encoders that look at rendered frames, the frames worth looking at, and how alike they are.

    encoders      one interface over vision-language models; loaded by name from the model store
    choice        which encoder a job is scored with
    loaded        encoders in memory, loaded once a process
    meaning       the part of a job that asks the encoder
    clip_meaning  what an encoder says of one clip, or why it says nothing
    viewed_clip   what is looked at of a retargeted clip: moving surfaces, facing, keyframes
    keyframes     which frames carry the meaning; numpy only
    scoring       one clip before one encoder
    similarity    from embeddings to scores
    same_pose     what the scores are worth on two bodies
    moments       what measurably differs in the worst moments, in words
    description   words for a motion
    source_cache  what an encoder makes of a source, kept

Rendering is left to `workers.rendering`. Importing this package loads neither torch nor transformers. `README.md`
beside says what the scores mean and how far to trust them.
"""
