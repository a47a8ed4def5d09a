"""GET /v1/models and /v1/models/{name}: what is ready. The gateway reads manifests and file sizes, never weights."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from model_store.catalogue import find_manifest
from model_store.status import status_of
from service.http.openapi import curl, error_responses
from service.models.schemas import ModelList, ModelView, model_list, model_view
from workers.contract.errors import InvalidOptions, ModelUnavailable, NotFound

router = APIRouter(prefix="/v1", tags=["models"])


@router.get(
    "/models",
    summary="List the models and the retargeting methods, and whether they are ready",
    responses=error_responses(ModelUnavailable),
    openapi_extra={"x-codeSamples": curl('curl -sS "$URL/v1/models"')},
)
def list_models() -> ModelList:
    """Every model there is a manifest for; one that is not ready says which command makes it so. Beside them every
    retargeting method and whether a job can have it.
    """
    return model_list()


@router.get(
    "/models/{name}",
    summary="Show one model",
    responses=error_responses(NotFound, ModelUnavailable),
    openapi_extra={"x-codeSamples": curl('curl -sS "$URL/v1/models/blip-itm"')},
)
def get_model(
    name: Annotated[str, Path(max_length=100, description="Name, or name@version; a name takes its latest version.")],
) -> ModelView:
    try:
        manifest = find_manifest(name)
    except InvalidOptions as error:
        raise NotFound(error.detail) from None
    return model_view(status_of(manifest))
