"""How much a result may differ from the accepted one before that is a loss.

The defaults lie well over what another number of threads and harmless changes of the engine bring, and under what a
person sees. A manifest may set each under `[tolerance]`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0.0, le=10.0)]
Degrees = Annotated[float, Field(ge=0.0, le=180.0)]


class Tolerances(BaseModel):
    """Lengths are shares of the body's height. Of each value the 90th percentile over time counts, so that a single
    frame decides nothing, and the greatest at `AT_ONCE` times as much.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    joint: Share = Field(0.02, description="A joint's place beside the hips.")
    foot_height: Share = Field(0.01, description="Height of a foot over the body's floor, also while it is planted.")
    hips_height: Share = Field(0.01, description="Height of the hips over the floor.")
    path: Share = Field(0.02, description="The hips along the ground, and this share of the way so far.")
    limb_deg: Degrees = Field(8.0, description="Direction of a limb's part.")
    turn_deg: Degrees = Field(15.0, description="Turn of the hips, the head, a hand or a foot.")
    planted: Share = Field(0.15, description="Share of times and feet that are planted in one and not in the other.")
    duration: Share = Field(0.01, description="Of the clip's length, beside one and a half frames.")
    score: Share = Field(
        0.5, description="How much worse a value of the verdict may be, in steps from its review to its fail limit."
    )
    similarity: Share = Field(0.1, description="How much less the calibrated semantic similarity may be.")
    picture: Share = Field(
        0.08,
        description="Difference of a keyframe's picture where it is greatest, over an area as large as a limb, of 1.",
    )
