"""How long refinement may take, and whether it can run at all. Imports no torch."""

from __future__ import annotations

from importlib.util import find_spec

from workers.contract.errors import InvalidOptions, ModelUnavailable
from workers.contract.options import JobOptions
from workers.semantics.choice import BUILT_IN, OFF, check_ready

DEFAULT_BUDGET_S = {"geometry": 60.0, "semantic": 240.0}
REST_OF_JOB = 0.2  # of a job's time is left to reading, scoring and writing
PACKAGES = ("torch", "scipy", "igl", "numba")


def budget_s(options: JobOptions) -> float:
    """Seconds that refining all clips of a job may take."""
    return options.refine_budget_s or DEFAULT_BUDGET_S[options.refine]


def check_refinement(options: JobOptions) -> None:
    """Raises ModelUnavailable where a package or the encoder is missing, InvalidOptions where it is switched off."""
    for package in PACKAGES:
        if find_spec(package) is None:
            raise ModelUnavailable(
                f"refine: needs the package {package}, which is not installed; run: "
                "pip install 'motion-retargeting-service[worker]', or use 'none'"
            )
    if options.refine == "semantic":
        if options.encoder == OFF:
            raise InvalidOptions("refine: 'semantic' needs an encoder, and encoder is 'none'; use 'geometry'")
        check_ready(options.encoder or BUILT_IN)


def check_time(options: JobOptions, timeout_s: float) -> None:
    """Raises InvalidOptions where the refinement alone could take the time that a job has."""
    if options.refine == "none":
        return
    wanted, most = budget_s(options), (1.0 - REST_OF_JOB) * timeout_s
    if wanted > most:
        raise InvalidOptions(
            f"refine_budget_s: {wanted:g} s, but jobs on this server end after {timeout_s:g} s; ask for {most:g} s at "
            "most, or raise RETARGET_JOB_TIMEOUT_S on the server"
        )
