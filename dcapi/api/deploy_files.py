"""Deploy files over HTTP: what is uploaded is kept, and no content is ever answered."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from dcapi.api.bodies import form_body
from dcapi.api.request import runtime, session
from dcapi.auth.policy import requires
from dcapi.schemas.deploy_files import deleted_parts, release_of, upload_of
from dcapi.services.deploying import deploy_files

blueprint = Blueprint("deploy_files", __name__, url_prefix="/v1.0/subcloud-deploy")


def _release(given: str | None) -> str:
    return release_of(given, runtime().settings.SOFTWARE_VERSION)


@blueprint.get("")
@requires("dc_api:subcloud_deploy:get")
def show_files() -> Response:
    return _shown(None)


@blueprint.get("/<reference>")
@requires("dc_api:subcloud_deploy:get")
def show_files_of_release(reference: str) -> Response:
    return _shown(reference)


@blueprint.post("")
@requires("dc_api:subcloud_deploy:upload")
def upload_files() -> Response:
    form, settings = form_body(), runtime().settings
    release, files = upload_of(
        form.texts, form.files, release=settings.SOFTWARE_VERSION, yaml_limit=settings.MAX_YAML_LENGTH
    )
    return jsonify(deploy_files.upload(session(), release, files))


@blueprint.delete("")
@requires("dc_api:subcloud_deploy:delete")
def delete_files() -> Response:
    return _deleted(None)


@blueprint.delete("/<reference>")
@requires("dc_api:subcloud_deploy:delete")
def delete_files_of_release(reference: str) -> Response:
    return _deleted(reference)


def _shown(release: str | None) -> Response:
    return jsonify({"subcloud_deploy": deploy_files.show(session(), _release(release))})


def _deleted(release: str | None) -> Response:
    deploy_files.remove(session(), _release(release), deleted_parts(request.args))
    return jsonify(None)
