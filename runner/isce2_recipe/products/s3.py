"""Uploading of products to S3 buckets, with HyP3's tags."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from mimetypes import MimeTypes
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from isce2_recipe.errors import InputError, StepFailed
from isce2_recipe.types import PreflightCheck

PUBLISH_KEYS = ("PUBLISH_ACCESS_KEY_ID", "PUBLISH_SECRET_ACCESS_KEY")
"""Environment variables with the login of the bucket to publish in."""

_UNKNOWN_TYPE = "application/octet-stream"
_ATTEMPTS = 6
# The first matching ending decides. HyP3's clients find pictures by these labels (hyp3lib.aws.get_tag_set).
_LABELS = (
    ("_rgb_thumb.png", "rgb-thumbnail"),
    ("_rgb.png", "rgb-browse"),
    ("_thumb.png", "amp-thumbnail"),
    (".png", "amp-browse"),
    ("", "product"),
)
_LOCAL_HOSTS = ("localhost",)
# Botocore's names of the sources of a login.
_ORIGINS = {
    "env": "AWS_ACCESS_KEY_ID",
    "shared-credentials-file": "AWS's credentials file",
    "config-file": "AWS's configuration file",
    "container-role": "the container's role",
    "iam-role": "the machine's role",
    "assume-role": "an assumed role",
    "assume-role-with-web-identity": "a web identity",
}
_REMEDIES = {
    "NoSuchBucket": "create the bucket, or check its name",
    "AccessDenied": "the login needs s3:PutObject and s3:PutObjectTagging on this bucket and prefix",
    "InvalidAccessKeyId": "check the access key of the login",
    "SignatureDoesNotMatch": "check the secret key of the login",
    "ExpiredToken": "log in to AWS again",
    "RequestTimeTooSkewed": "set this machine's clock",
    "PermanentRedirect": "set AWS_DEFAULT_REGION to the bucket's region",
}


def file_type(name: str) -> str:
    """Return the value of HyP3's tag ``file_type`` for a file name."""
    return next(label for ending, label in _LABELS if name.endswith(ending))


def content_type(name: str) -> str:
    """Return the media type for a file name, independently of the machine's settings."""
    return MimeTypes(filenames=()).guess_type(name)[0] or _UNKNOWN_TYPE


def open_client(*, publish: bool = False, environment: Mapping[str, str] | None = None) -> Any:
    """Return an S3 client with the usual login of AWS, or with that to publish.

    ``environment`` are variables in place of the process's environment.

    Raises
    ------
    InputError
        If the variables of the login to publish are not set.
    """
    import boto3
    from botocore.config import Config

    variables = os.environ if environment is None else environment
    config = Config(retries={"max_attempts": _ATTEMPTS, "mode": "standard"}, s3=_addressing(variables))
    # Other S3 servers may not know the checksums that newer clients send by default.
    config = config.merge(Config(request_checksum_calculation="when_required"))
    return boto3.session.Session().client(
        "s3", config=config, **(_publish_login(variables) if publish else {})
    )


def _publish_login(variables: Mapping[str, str]) -> dict[str, str]:
    missing = [name for name in PUBLISH_KEYS if not variables.get(name)]
    if missing:
        raise InputError(
            f"publishing needs a login of its own: {' and '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} not set",
            hint=f"set {' and '.join(PUBLISH_KEYS)}",
        )
    return dict(
        zip(("aws_access_key_id", "aws_secret_access_key"), (variables[n] for n in PUBLISH_KEYS), strict=True)
    )


def _addressing(variables: Mapping[str, str]) -> dict[str, str]:
    """Return how buckets are addressed: a private server has no host name for every bucket."""
    endpoint = variables.get("AWS_ENDPOINT_URL_S3") or variables.get("AWS_ENDPOINT_URL") or ""
    host = urlsplit(endpoint).hostname or ""
    own = host in _LOCAL_HOSTS or "." not in host or host.replace(".", "").isdigit()
    return {"addressing_style": "path"} if endpoint and own else {}


def examine(bucket: str, *, publish: bool = False) -> PreflightCheck:
    """Check that a bucket exists and the login is accepted, without writing to it."""
    from botocore.exceptions import BotoCoreError, ClientError

    name = f"bucket {bucket}"
    try:
        open_client(publish=publish).head_bucket(Bucket=bucket)
    except InputError as exc:
        return PreflightCheck(name, "wrong", exc.message, exc.hint or "")
    except (ClientError, BotoCoreError) as exc:
        status = getattr(exc, "response", {}).get("ResponseMetadata", {}).get("HTTPStatusCode")
        if status == 404:
            return PreflightCheck(name, "wrong", f"there is no bucket {bucket}", _REMEDIES["NoSuchBucket"])
        if status == 403:
            return PreflightCheck(
                name, "note", "it is not known whether it can be written to: the login may not read it"
            )
        return PreflightCheck(name, "wrong", f"{bucket}: {exc}", _refused(exc, "anything", bucket).hint or "")
    return PreflightCheck(name, "ok", f"there, login from {login_origin(publish=publish)}")


def login_origin(*, publish: bool = False) -> str:
    """Return where the login was found, for messages."""
    import boto3

    if publish:
        return PUBLISH_KEYS[0]
    found = boto3.session.Session().get_credentials()
    return "nowhere" if found is None else _ORIGINS.get(found.method, found.method)


def upload(client: Any, path: Path, bucket: str, key: str, sent: Callable[[int], None]) -> None:
    """Upload a file with its content type and tag; ``sent`` is called with the number of bytes of each part.

    Raises
    ------
    StepFailed
        If the service refuses it or does not answer.
    """
    from boto3.exceptions import S3UploadFailedError
    from botocore.exceptions import BotoCoreError, ClientError

    labels = {"ContentType": content_type(path.name), "Tagging": f"file_type={file_type(path.name)}"}
    try:
        client.upload_file(str(path), bucket, key, ExtraArgs=labels, Callback=sent)
    except (S3UploadFailedError, ClientError, BotoCoreError) as exc:
        raise _refused(exc, path.name, bucket) from exc


def _refused(exc: Exception, name: str, bucket: str) -> StepFailed:
    cause = exc.__context__ if type(exc).__name__ == "S3UploadFailedError" and exc.__context__ else exc
    error = getattr(cause, "response", {}).get("Error", {})
    code = str(error.get("Code", type(cause).__name__))
    if code == "NoCredentialsError":
        remedy = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
    else:
        remedy = _REMEDIES.get(code, "run the same command again later: only what is missing is uploaded")
    reason = str(error.get("Message") or cause)
    return StepFailed(f"could not upload {name} to the bucket {bucket}: {code}: {reason[:300]}", hint=remedy)
