"""Where the joints of one person stand: from the user's own SMPL model file and the person's shape.

The models may not be passed on, so the file is the user's: an `.npz` with `v_template` (vertices, 3), `shapedirs`
(vertices, 3, shapes) and `J_regressor` (joints, vertices), as SMPL-X and SMPL-H are given out; the pickles that the
older ones come as are refused. It lies beside the motion as `BODY_MODEL_NAME`, whatever its name was. By the model's
definition (Loper et al. 2015, equation 10) joints = J_regressor (v_template + shapedirs betas).
"""

from __future__ import annotations

import numpy as np

from workers.contract.errors import ParseFailed
from workers.formats.bundle import FileBundle
from workers.formats.limits import Limits
from workers.formats.numpy_arrays import NpzFile
from workers.formats.smpl.joints import SmplJoints
from workers.skeleton.model import Array

BODY_MODEL_NAME = "body_model.npz"
_NEEDED = ("v_template", "shapedirs", "J_regressor")
MAX_REACH_M = 3.0  # of a joint from the origin, at rest


def model_offsets(bundle: FileBundle, joints: SmplJoints, betas: Array | None, limits: Limits) -> Array | None:
    """Offsets `(joints, 3)` in metres, the root's being its place; None where no model file lies beside the motion.

    Raises ParseFailed for a file that is no such model or another one than the motion's, and what arrays raise.
    """
    try:
        data = bundle.siblings[BODY_MODEL_NAME]()
    except KeyError:
        return None
    if not data.startswith(b"PK"):
        raise ParseFailed(
            "body model: no npz (pickled models are never opened, they could run code); "
            f"save {', '.join(_NEEDED)} with numpy.savez"
        )
    model = NpzFile(data, "body model", limits)
    missing = [name for name in _NEEDED if name not in model]
    if missing:
        raise ParseFailed(f"body model: lacks {', '.join(missing)}; give the SMPL, SMPL-H or SMPL-X model's own npz")
    template, shapes, regressor = (model.numbers(name) for name in _NEEDED)
    vertices = len(template)
    if template.shape != (vertices, 3) or shapes.shape[:2] != template.shape or shapes.ndim != 3:
        raise ParseFailed("body model: v_template and shapedirs do not fit one another; give the model's own npz")
    if regressor.ndim != 2 or regressor.shape[1] != vertices:
        raise ParseFailed(
            f"body model: J_regressor is {regressor.shape}, not (joints, {vertices}); give the model's own"
        )
    if len(regressor) < len(joints) or (len(joints) > 24) != (len(regressor) > 24):
        raise ParseFailed(
            f"body model: it has {len(regressor)} joints, the motion {len(joints)} ({joints.title}); "
            "give the model that the motion was made with"
        )
    used = np.zeros(0) if betas is None else betas[: shapes.shape[2]]
    places = regressor[: len(joints)] @ (template + shapes[:, :, : len(used)] @ used)
    if np.abs(places).max() > MAX_REACH_M:
        raise ParseFailed(
            f"body model: with these betas a joint lies {np.abs(places).max():.3g} m away; check the betas"
        )
    return np.array([places[j] - (places[parent] if parent >= 0 else 0.0) for j, parent in enumerate(joints.parents)])
