"""Learned models: where they come from, whether they are here, and how to get them.

One folder a model and version, `model_store/<name>/<version>/manifest.json`; small weights lie beside their manifest,
large ones in the model folder (`places.model_dir`). This package trains and runs nothing, and imports neither torch
nor transformers: the gateway lists models with it.

    manifest    what a model is: what it runs, source, revision, licence, files, needs, dtypes, calibration
    catalogue   all manifests, the project's own and those installed here
    status      is it here: ready, missing or corrupt; `resolve` gives the folder or says which command to run
    sources     what a hub id, a URL or a local folder offers
    calibration what was measured here for a model that brings no calibration
    transfer    one file over HTTP, resumed where it stopped
    pull        get, check, install by one rename; hashes not known before are recorded in a lock file
"""
