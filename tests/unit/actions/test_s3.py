"""Uploads to a real S3 server on this machine (moto's)."""

from __future__ import annotations

import logging
import socket

import boto3
import pytest
from moto.server import ThreadedMotoServer

from isce2_recipe.actions import s3 as action
from isce2_recipe.actions.base import Context
from isce2_recipe.errors import InputError, StepFailed
from isce2_recipe.products import s3

NAME = "S1_136231_IW2_20200604_20200616_VV_INT80_663F"
LABELS = {
    f"{NAME}.txt": ("product", "text/plain"),
    f"{NAME}_README.md.txt": ("product", "text/plain"),
    f"{NAME}_unw_phase.tif": ("product", "image/tiff"),
    f"{NAME}_unw_phase.png": ("amp-browse", "image/png"),
    f"{NAME}_unw_phase_thumb.png": ("amp-thumbnail", "image/png"),
    f"{NAME}_rgb.png": ("rgb-browse", "image/png"),
    f"{NAME}_rgb_thumb.png": ("rgb-thumbnail", "image/png"),
    f"{NAME}_unw_phase.kmz": ("product", "application/octet-stream"),
    f"{NAME}.zip": ("product", "application/zip"),
}


@pytest.fixture(scope="module")
def endpoint():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint, monkeypatch):
    """A bucket that the environment leads to, as a user's would."""
    login = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in {**login, "AWS_ENDPOINT_URL": endpoint, "AWS_EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3", *s3.PUBLISH_KEYS):
        monkeypatch.delenv(name, raising=False)
    client = boto3.client("s3")
    client.create_bucket(Bucket="products")
    yield client
    for found in client.list_objects_v2(Bucket="products").get("Contents", []):
        client.delete_object(Bucket="products", Key=found["Key"])
    client.delete_bucket(Bucket="products")


@pytest.fixture
def product(tmp_path):
    folder = tmp_path / NAME
    folder.mkdir()
    for name in LABELS:
        (folder / name).write_bytes(name.encode())
    (folder / "ro-crate-metadata.json").write_text("{}")  # all products' name: it stays in the archive
    archive = tmp_path / f"{NAME}.zip"
    (folder / archive.name).rename(archive)
    return folder, archive


def context(tmp_path, progress=lambda fraction, text: None) -> Context:
    return Context(
        workdir=tmp_path,
        out=tmp_path,
        source=None,
        engine=None,
        log=logging.getLogger("test"),
        progress=progress,
        cpus=1,
    )


def test_every_file_is_there_labelled_and_the_archive_is_last(bucket, product, tmp_path):
    folder, archive = product
    done = action.upload.function(
        context(tmp_path), directory=folder, zip=archive, bucket="products", prefix="job/1"
    )
    assert sorted(done.keys) == sorted(f"job/1/{name}" for name in LABELS)
    assert done.keys[-1] == f"job/1/{NAME}.zip" and done.archive == f"s3://products/job/1/{NAME}.zip"
    for name, (label, kind) in LABELS.items():
        found = bucket.get_object(Bucket="products", Key=f"job/1/{name}")
        tags = bucket.get_object_tagging(Bucket="products", Key=f"job/1/{name}")["TagSet"]
        assert found["Body"].read() == name.encode()
        assert (found["ContentType"], tags) == (kind, [{"Key": "file_type", "Value": label}])


def test_a_large_file_goes_in_parts_and_keeps_its_labels(bucket, tmp_path):
    folder = tmp_path / "large"
    folder.mkdir()
    content = bytes(range(256)) * (20 << 12)
    (folder / "large.tif").write_bytes(content)
    reported = []
    ctx = context(tmp_path, lambda fraction, _: reported.append(fraction))
    action.upload.function(ctx, directory=folder, bucket="products")
    assert reported == sorted(reported) and reported[-1] == 1.0 and 0.4 < reported[len(reported) // 2] < 0.6
    found = bucket.get_object(Bucket="products", Key="large.tif")
    assert found["Body"].read() == content
    assert found["ETag"].strip('"').endswith("-3") and found["ContentType"] == "image/tiff"
    assert bucket.get_object_tagging(Bucket="products", Key="large.tif")["TagSet"][0]["Value"] == "product"


def test_publishing_takes_a_login_of_its_own(bucket, product, tmp_path, monkeypatch):
    arguments = {"zip": product[1], "bucket": "products"}
    with pytest.raises(InputError, match="PUBLISH_ACCESS_KEY_ID and PUBLISH_SECRET_ACCESS_KEY are not set"):
        action.publish.function(context(tmp_path), **arguments)
    monkeypatch.setenv("PUBLISH_ACCESS_KEY_ID", "another")
    with pytest.raises(InputError, match="PUBLISH_SECRET_ACCESS_KEY is not set"):
        action.publish.function(context(tmp_path), **arguments)
    monkeypatch.setenv("PUBLISH_SECRET_ACCESS_KEY", "words")
    client = s3.open_client(publish=True)
    assert client._request_signer._credentials.access_key == "another"
    assert action.publish.function(context(tmp_path), **arguments).keys


@pytest.mark.parametrize(
    ("name", "prefix", "key"),
    [
        (
            "S1_044_000000s1n00-000000s2n00-093117s3n03_IW_20250718_20250730_VV_INT80_B4FA",
            "",
            "multiburst_products/044_000000s1n00_000000s2n00_093117s3n03_INT80/"
            "S1_044_000000s1n00-000000s2n00-093117s3n03_IW_20250718_20250730_VV_INT80_0000.zip",
        ),
        (NAME, "/volcano/", f"volcano/{NAME[:-4]}0000.zip"),
        (NAME, "", f"{NAME[:-4]}0000.zip"),
        ("ALPSRP156121200xALPSRP162831200", "", "ALPSRP156121200xALPSRP162831200.zip"),
    ],
)
def test_an_archive_is_published_as_hyp3_does(bucket, tmp_path, monkeypatch, name, prefix, key):
    for variable in s3.PUBLISH_KEYS:
        monkeypatch.setenv(variable, "words")
    archive = tmp_path / f"{name}.zip"
    archive.write_bytes(b"PK")
    done = action.publish.function(context(tmp_path), zip=archive, bucket="products", prefix=prefix)
    assert (done.keys, done.archive) == ([key], f"s3://products/{key}")
    found = bucket.get_object(Bucket="products", Key=key)
    tags = bucket.get_object_tagging(Bucket="products", Key=key)["TagSet"]
    assert (found["ContentType"], tags) == ("application/zip", [{"Key": "file_type", "Value": "product"}])


def test_a_bucket_that_is_not_there(bucket, product, tmp_path):
    folder, archive = product
    with pytest.raises(StepFailed, match=f"{NAME}.* to the bucket nowhere: NoSuchBucket") as caught:
        action.upload.function(context(tmp_path), directory=folder, zip=archive, bucket="nowhere")
    assert caught.value.hint == "create the bucket, or check its name"


def test_no_login(bucket, product, tmp_path, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(StepFailed, match="NoCredentialsError") as caught:
        action.upload.function(context(tmp_path), directory=product[0], bucket="products")
    assert "AWS_ACCESS_KEY_ID" in caught.value.hint


def test_a_server_that_is_not_there(bucket, product, tmp_path, monkeypatch):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setattr(s3, "_ATTEMPTS", 1)
    with pytest.raises(StepFailed, match="EndpointConnectionError") as caught:
        action.upload.function(context(tmp_path), directory=product[0], bucket="products")
    assert "again later" in caught.value.hint


def test_nothing_to_upload(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="nothing to upload"):
        action.upload.function(context(tmp_path), directory=tmp_path / "empty", bucket="products")


def test_a_bucket_is_looked_at_before_anything_is_made(bucket, monkeypatch):
    found = s3.examine("products")
    assert (found.state, found.detail) == ("ok", "there, login from AWS_ACCESS_KEY_ID")
    nowhere = s3.examine("nowhere")
    assert (nowhere.state, nowhere.detail) == ("wrong", "there is no bucket nowhere")
    publish = s3.examine("products", publish=True)
    assert publish.state == "wrong" and "PUBLISH_ACCESS_KEY_ID" in publish.remedy


@pytest.mark.parametrize(
    ("endpoint", "style"),
    [
        ("http://127.0.0.1:9000", "path"),
        ("http://localhost:9000", "path"),
        ("http://minio:9000", "path"),
        ("https://s3.example.org", None),
        ("", None),
    ],
)
def test_buckets_are_found_by_path_where_hosts_cannot_name_them(endpoint, style):
    found = s3._addressing({"AWS_ENDPOINT_URL": endpoint})
    assert found.get("addressing_style") == style
