"""Learned models: where they come from, whether they are here, and how to get them.

One folder a model and version, `model_store/<name>/<version>/manifest.json`; small weights lie beside their manifest,
large ones in the model folder (`places.model_dir`).

    manifest     what a model is: what it runs, source, revision, licence, files, needs, dtypes, calibration
    catalogue    all manifests, the project's own and those installed here
    places       where manifests and weights lie
    status       is it here: ready, missing or corrupt; `resolve` gives the folder or says which command to run
    sources      what a hub id, a URL or a local folder offers
    transfer     one file over HTTP, resumed where it stopped
    pull         get, check, install by one rename
    lock         what was really installed, with hashes; later pulls and checks are held against it
    calibration  what was measured here for a model that brings no calibration

Nothing here trains or runs a model, and neither torch nor transformers is imported: the gateway lists models with it.
Running them is left to `workers.semantics.encoders`.
"""
