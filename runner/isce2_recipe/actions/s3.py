"""Uploading of products to S3 buckets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isce2_recipe.actions.base import Context, action
from isce2_recipe.copying import Copying
from isce2_recipe.errors import InputError
from isce2_recipe.paths import CRATE


@dataclass(frozen=True, slots=True)
class Uploaded:
    """The uploaded files.

    Attributes
    ----------
    bucket : str
        Name of the bucket.
    keys : list of str
        Keys of the files, in the order in which they were uploaded.
    archive : str or None
        Address of the archive, ``s3://BUCKET/KEY``.
    """

    bucket: str
    keys: list[str]
    archive: str | None


@action("s3.upload", version=2)
def upload(
    ctx: Context,
    *,
    directory: Path,
    bucket: str,
    prefix: str = "",
    zip: Path | None = None,
) -> Uploaded:
    """Upload a product's files with HyP3's tags and content types, and its archive last.

    Programs that wait for a product wait for its archive: when it is there, all files are.

    Parameters
    ----------
    directory : Path
        The product's folder.
    bucket, prefix : str
        Destination; a file's key is ``PREFIX/NAME``.
    zip : Path, optional
        The product's archive.

    Raises
    ------
    InputError
        If there is nothing to upload.
    StepFailed
        If S3 refuses a file or does not answer.
    """
    from isce2_recipe.products import s3

    files = [(path, path.relative_to(directory).as_posix()) for path in _files(directory)]
    if zip is not None:
        files.append((zip, zip.name))
    client = s3.open_client()
    ctx.log.info("login from %s", s3.login_origin())
    keys = []
    copying = Copying(sum(path.stat().st_size for path, _ in files), ctx.progress)
    for path, name in files:
        keys.append(_put(ctx, client, path, bucket, _key(prefix, name), copying))
    ctx.progress(1.0, f"{len(keys)} files")
    return Uploaded(bucket, keys, None if zip is None else f"s3://{bucket}/{keys[-1]}")


@action("s3.publish", version=1)
def publish(ctx: Context, *, zip: Path, bucket: str, prefix: str = "") -> Uploaded:
    """Publish a product's archive in place of an older one of the same pair.

    The login is in ``PUBLISH_ACCESS_KEY_ID`` and ``PUBLISH_SECRET_ACCESS_KEY``.

    Parameters
    ----------
    zip : Path
        The archive; the ID in its name becomes 0000.
    bucket, prefix : str
        Destination. Without a prefix, products of several bursts go to the folder of their stack, as in HyP3,
        and others to the top of the bucket.

    Raises
    ------
    InputError
        If there is no login to publish with.
    StepFailed
        If S3 refuses the file or does not answer.
    """
    from isce2_recipe.products import names, s3

    client = s3.open_client(publish=True)
    name = names.published_name(zip.stem) + zip.suffix
    key = _key(prefix or names.published_folder(zip.stem), name)
    _put(ctx, client, zip, bucket, key, Copying(zip.stat().st_size, ctx.progress))
    return Uploaded(bucket, [key], f"s3://{bucket}/{key}")


def _key(prefix: str, name: str) -> str:
    return "/".join(part for part in (prefix.strip("/"), name) if part)


def _put(ctx: Context, client: Any, path: Path, bucket: str, key: str, copying: Copying) -> str:
    """Upload a file and return its key."""
    from isce2_recipe.products import s3

    s3.upload(client, path, bucket, key, lambda sent: copying.count(sent, path.name))
    ctx.log.info("uploaded s3://%s/%s as %s", bucket, key, s3.file_type(key))
    return key


def _files(directory: Path) -> list[Path]:
    # All products have the crate under the same name, so that it is only in the archive.
    found = sorted(path for path in directory.rglob("*") if path.is_file() and path.name != CRATE)
    if not found:
        raise InputError(
            f"there is nothing to upload in {directory}", hint="run the step that makes the product"
        )
    return found
